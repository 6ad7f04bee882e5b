import NIOConcurrencyHelpers
import Upstream
import UsageModel

/// What is known of a source's syncs: kept in the ledger's storage, so that no counter of ours falls at a restart.
package struct SyncStatus: Sendable, Codable, Equatable {
    /// Whether the last sync succeeded; nil before the first.
    package var isUp: Bool?
    /// When the last sync that succeeded began.
    package var lastSuccess: Timestamp?
    /// When the last sync began.
    package var lastAttempt: Timestamp?
    /// When the next sync begins.
    package var next: Timestamp?
    /// How long the last sync took, in seconds.
    package var duration: Double?
    /// Syncs by `success` or reason of failure.
    package var results: [String: Int] = [:]
    /// The ledger is complete up to here; nil for a source without slices that has never succeeded.
    package var dataThrough: Timestamp?
    /// Whose usage is known whole: by the label `key` where keys are read one by one, else under "".
    package var coverage: [String: Coverage] = [:]
    /// Our clock minus the provider's, in seconds; nil where its responses have no `Date`.
    package var clockSkew: Double?
    /// What is left of our allowance at the endpoint; nil where there is none.
    package var quota: QuotaState?
    /// What went wrong last, in plain words; nil after a success.
    package var lastError: String?
    /// Whether the API calls the endpoint deprecated; nil where nobody looked.
    package var isDeprecated: Bool?
    /// When the endpoint stops to answer, where the API says so.
    package var sunset: Timestamp?
    /// Until when the source is left alone after a failure; nil where a restart may query it at once.
    var hold: SyncHold?
    /// Our own calls to the endpoint.
    package var upstream = UpstreamTally()
    /// When counting began.
    package var since: Timestamp?

    /// Failures of the last one's kind since the last success or the last failure of the other kind.
    package private(set) var failuresInRow = 0
    /// Of which kind they are: whether a person must mend them; nil after a success.
    private var isFailureLasting: Bool?

    /// A source that was never synced.
    package init() {}

    /// The coverage of a key's usage; that of the whole source where keys are not read one by one.
    func coverage(of key: String) -> Coverage { coverage[key] ?? coverage[""] ?? Coverage() }

    /// Counts how a sync ended.
    ///
    /// The kinds are counted apart: one 401 in the middle of an outage must not have the source asked as seldom as
    /// after a day of them.
    ///
    /// - Parameter isLasting: whether the failure lasts until its cause is fixed; nil after a success.
    mutating func count(failureIsLasting isLasting: Bool?) {
        failuresInRow = isLasting == nil ? 0 : isLasting == isFailureLasting ? failuresInRow + 1 : 1
        isFailureLasting = isLasting
    }
}

/// Our calls to one endpoint, counted.
package struct UpstreamTally: Sendable, Codable, Equatable {
    /// By HTTP status code, `error` where no answer came.
    package var requests: [String: Int] = [:]
    /// Calls that were repeats.
    package var retries = 0
    /// Durations by bucket of `MetricCatalogue.upstreamDurationBounds`, not cumulative.
    package var buckets: [UInt64] = Array(repeating: 0, count: MetricCatalogue.upstreamDurationBounds.count + 1)
    /// Sum of the durations in seconds.
    package var seconds = 0.0

    /// Nothing called yet.
    package init() {}

    mutating func add(code: Int?, duration: Duration) {
        requests[code.map(String.init) ?? "error", default: 0] += 1
        let bounds = MetricCatalogue.upstreamDurationBounds
        let place = bounds.firstIndex { duration.inSeconds <= $0 } ?? bounds.count
        if place < buckets.count { buckets[place] += 1 }
        seconds += duration.inSeconds
    }
}

extension SyncStatus {
    /// What an earlier version stored of which days are known.
    private enum EarlierKeys: String, CodingKey {
        case daysFrom
    }

    /// Reads what is stored; what an earlier version did not store is not known.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        isUp = try fields.decodeIfPresent(Bool.self, forKey: .isUp)
        lastSuccess = try fields.decodeIfPresent(Timestamp.self, forKey: .lastSuccess)
        lastAttempt = try fields.decodeIfPresent(Timestamp.self, forKey: .lastAttempt)
        next = try fields.decodeIfPresent(Timestamp.self, forKey: .next)
        duration = try fields.decodeIfPresent(Double.self, forKey: .duration)
        results = try fields.decode([String: Int].self, forKey: .results)
        dataThrough = try fields.decodeIfPresent(Timestamp.self, forKey: .dataThrough)
        clockSkew = try fields.decodeIfPresent(Double.self, forKey: .clockSkew)
        quota = try fields.decodeIfPresent(QuotaState.self, forKey: .quota)
        lastError = try fields.decodeIfPresent(String.self, forKey: .lastError)
        hold = try fields.decodeIfPresent(SyncHold.self, forKey: .hold)
        isDeprecated = try fields.decodeIfPresent(Bool.self, forKey: .isDeprecated)
        sunset = try fields.decodeIfPresent(Timestamp.self, forKey: .sunset)
        upstream = try fields.decode(UpstreamTally.self, forKey: .upstream)
        since = try fields.decodeIfPresent(Timestamp.self, forKey: .since)
        failuresInRow = try fields.decode(Int.self, forKey: .failuresInRow)
        isFailureLasting = try fields.decodeIfPresent(Bool.self, forKey: .isFailureLasting)
        if let stored = try fields.decodeIfPresent([String: Coverage].self, forKey: .coverage) {
            coverage = stored
        } else if let dataThrough,
            let daysFrom = try decoder.container(keyedBy: EarlierKeys.self)
                .decodeIfPresent(Timestamp.self, forKey: .daysFrom)
        {
            coverage = ["": Coverage([Period(start: daysFrom, end: dataThrough)])]
        }
    }
}

/// Counts a source's calls while a sync runs; the sum is shown once it is stored.
final class SyncObserver: UpstreamObserver {
    private let tally = NIOLockedValueBox(UpstreamTally())
    private let skew: ClockSkew

    /// - Parameter skew: the account's.
    init(skew: ClockSkew) {
        self.skew = skew
    }

    /// Goes on from what earlier runs of the exporter counted.
    func restore(_ earlier: UpstreamTally) {
        tally.withLockedValue { $0 = earlier }
    }

    var current: UpstreamTally { tally.withLockedValue { $0 } }

    func requestFinished(code: Int?, duration: Duration) {
        tally.withLockedValue { $0.add(code: code, duration: duration) }
    }

    func responded(date: Timestamp?, at now: Timestamp) {
        skew.observe(date: date, at: now)
    }

    func retried() {
        tally.withLockedValue { $0.retries += 1 }
    }
}

/// The observers of one account's sources, by name: the source's client and its runner share one.
final class SyncObservers: Sendable {
    private let skew: ClockSkew
    private let observers = NIOLockedValueBox<[String: SyncObserver]>([:])

    /// - Parameter skew: the account's.
    init(skew: ClockSkew) {
        self.skew = skew
    }

    func observer(of source: String) -> SyncObserver {
        observers.withLockedValue { observers in
            if let observer = observers[source] { return observer }
            let observer = SyncObserver(skew: skew)
            observers[source] = observer
            return observer
        }
    }
}
