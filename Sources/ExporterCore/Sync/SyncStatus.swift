import UsageModel

/// What is known of a source's syncs: kept in the ledger's storage, so that no counter of ours falls at a restart.
public struct SyncStatus: Sendable, Codable, Equatable {
    /// Whether the last sync succeeded; nil before the first.
    public var isUp: Bool?
    /// When the last sync that succeeded began.
    public var lastSuccess: Timestamp?
    /// When the last sync began.
    public var lastAttempt: Timestamp?
    /// When the next sync begins.
    public var next: Timestamp?
    /// How long the last sync took, in seconds.
    public var duration: Double?
    /// Syncs by `success` or reason of failure.
    public var results: [String: Int] = [:]
    /// The ledger is complete up to here; nil for a source without slices that has never succeeded.
    public var dataThrough: Timestamp?
    /// From when on it is known which day usage belongs to; nil: from the ledger's start.
    public var daysFrom: Timestamp?
    /// What is left of our allowance at the endpoint; nil where there is none.
    public var quota: QuotaState?
    /// What went wrong last, in plain words; nil after a success.
    public var lastError: String?
    /// Whether the API calls the endpoint deprecated; nil where nobody looked.
    public var isDeprecated: Bool?
    /// When the endpoint stops to answer, where the API says so.
    public var sunset: Timestamp?
    /// Our own calls to the endpoint.
    public var upstream = UpstreamTally()
    /// When counting began.
    public var since: Timestamp?

    /// Failures of the last one's kind since the last success or the last failure of the other kind.
    public private(set) var failuresInRow = 0
    /// Of which kind they are: whether a person must mend them; nil after a success.
    private var isFailureLasting: Bool?

    /// A source that was never synced.
    public init() {}

    /// Counts how a sync ended.
    ///
    /// The kinds are counted apart: one 401 in the middle of an outage must not have the source asked as seldom as
    /// after a day of them.
    mutating func count(_ failure: FailureReason?) {
        let isLasting = failure.map(SyncSchedule.isLasting)
        failuresInRow = failure == nil ? 0 : isLasting == isFailureLasting ? failuresInRow + 1 : 1
        isFailureLasting = isLasting
    }
}

/// Our calls to one endpoint, counted.
public struct UpstreamTally: Sendable, Codable, Equatable {
    /// By HTTP status code, `error` where no answer came.
    public var requests: [String: Int] = [:]
    /// Calls that were repeats.
    public var retries = 0
    /// Durations by bucket of `MetricCatalogue.upstreamDurationBounds`, not cumulative.
    public var buckets: [UInt64] = Array(repeating: 0, count: MetricCatalogue.upstreamDurationBounds.count + 1)
    /// Sum of the durations in seconds.
    public var seconds = 0.0

    /// Nothing called yet.
    public init() {}

    mutating func add(code: Int?, duration: Duration) {
        requests[code.map(String.init) ?? "error", default: 0] += 1
        let bounds = MetricCatalogue.upstreamDurationBounds
        let place = bounds.firstIndex { duration.inSeconds <= $0 } ?? bounds.count
        if place < buckets.count { buckets[place] += 1 }
        seconds += duration.inSeconds
    }
}
