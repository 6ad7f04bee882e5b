import NIOConcurrencyHelpers
import Upstream
import UsageModel

/// The status of a source's syncs. The ledger stores it, so that the exporter's counters do not reset at a restart.
package struct SyncStatus: Sendable, Codable, Equatable {
    /// Whether the last sync succeeded; nil before the first.
    package var isUp: Bool?
    /// Start of the last sync that read anything: one that succeeded, or failed in part.
    var lastReading: Timestamp?
    /// When the last successful sync began.
    package var lastSuccess: Timestamp?
    /// When the last sync began.
    package var lastAttempt: Timestamp?
    /// When the next sync begins.
    package var next: Timestamp?
    /// How long the last sync took, in seconds.
    package var duration: Double?
    /// Number of syncs by `success` or reason of failure.
    package var results: [String: Int] = [:]
    /// The time up to which the ledger is complete; nil for a source without slices that has never succeeded.
    package var dataThrough: Timestamp?
    /// Periods of completely read usage: by the label `key` if keys are read separately, else under "".
    package var coverage: [String: Coverage] = [:]
    /// This machine's clock minus the provider's, in seconds; nil if its responses have no `Date`.
    package var clockSkew: Double?
    /// The rest of the provider's quota at the endpoint; nil if there is none.
    package var quota: QuotaState?
    /// The message of the last failure; nil after a success.
    package var lastError: String?
    /// Whether the API calls the endpoint deprecated; nil if unknown.
    package var isDeprecated: Bool?
    /// When the provider closes the endpoint; nil if the API does not announce it.
    package var sunset: Timestamp?
    /// The back-off after a failure; nil if a restart may query at once.
    var hold: SyncHold?
    /// Counts of the exporter's requests to the endpoint.
    package var upstream = UpstreamTally()
    /// When counting began.
    package var since: Timestamp?

    /// Number of consecutive failures of the same kind (transient or lasting).
    package private(set) var failuresInRow = 0
    /// Whether they are lasting failures; nil after a success.
    private var isFailureLasting: Bool?

    package init() {}

    /// The coverage of a key's usage, or of the whole source if keys are not read separately.
    func coverage(of key: String) -> Coverage { coverage[key] ?? coverage[""] ?? Coverage() }

    /// Counts consecutive failures.
    ///
    /// Transient and lasting failures are counted separately, because one 401 during an outage must not delay the next
    /// sync as long as a day of them.
    ///
    /// - Parameter isLasting: whether the failure lasts until its cause is fixed; nil after a success.
    mutating func count(failureIsLasting isLasting: Bool?) {
        failuresInRow = isLasting == nil ? 0 : isLasting == isFailureLasting ? failuresInRow + 1 : 1
        isFailureLasting = isLasting
    }
}

/// Counts of the exporter's requests to one endpoint.
package struct UpstreamTally: Sendable, Codable, Equatable {
    /// By HTTP status code; `error` if no response arrived.
    package var requests: [String: Int] = [:]
    /// Number of requests that were retries.
    package var retries = 0
    /// Durations by bucket of `Metric.upstreamDurationBounds`, not cumulative.
    package var buckets: [UInt64] = Array(repeating: 0, count: Metric.upstreamDurationBounds.count + 1)
    /// Sum of the durations in seconds.
    package var seconds = 0.0

    package init() {}

    mutating func add(code: Int?, duration: Duration) {
        requests[code.map(String.init) ?? "error", default: 0] += 1
        let bounds = Metric.upstreamDurationBounds
        let bucket = bounds.firstIndex { duration.inSeconds <= $0 } ?? bounds.count
        if bucket < buckets.count { buckets[bucket] += 1 }
        seconds += duration.inSeconds
    }
}

extension SyncStatus {
    /// Keys of an earlier version.
    private enum EarlierKeys: String, CodingKey {
        case daysFrom
    }

    /// Decodes a stored status; fields that an earlier version did not store are nil.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        isUp = try fields.decodeIfPresent(Bool.self, forKey: .isUp)
        lastSuccess = try fields.decodeIfPresent(Timestamp.self, forKey: .lastSuccess)
        lastReading = try fields.decodeIfPresent(Timestamp.self, forKey: .lastReading) ?? lastSuccess
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

/// Counts a source's requests during a sync. The counts are served after they were stored.
final class SyncObserver: UpstreamObserver {
    /// Notices by path.
    private struct Notices {
        var responding: [String: UpstreamNotice] = [:]
        var gone: [String: UpstreamNotice] = [:]
    }

    private let tally = NIOLockedValueBox(UpstreamTally())
    private let notices = NIOLockedValueBox(Notices())
    private let skew: ClockSkew

    /// - Parameter skew: the account's.
    init(skew: ClockSkew) {
        self.skew = skew
    }

    /// Continues the counts of earlier runs of the exporter.
    func restore(_ earlier: UpstreamTally) {
        tally.withLockedValue { $0 = earlier }
    }

    var current: UpstreamTally { tally.withLockedValue { $0 } }

    func requestFinished(code: Int?, duration: Duration) {
        tally.withLockedValue { $0.add(code: code, duration: duration) }
    }

    func responded(to call: UpstreamCall, status: Int, headers: UpstreamHeaders, at now: Timestamp) {
        skew.observe(date: headers.date(now: now), at: now)
        guard !call.isIncidental else { return }
        switch status {
        case 200...299:
            let notice = UpstreamNotice(headers: headers, now: now)
            notices.withLockedValue { $0.responding[call.path] = notice }
        case 410:
            let notice = UpstreamNotice(goneWith: headers, now: now)
            notices.withLockedValue { $0.gone[call.path] = notice }
        default: break
        }
    }

    /// Returns what the responses since the last call said about the end of their paths; nil if there was none.
    ///
    /// - Parameter succeeded: whether the sync succeeded: a path that is gone does not count then, because the source has
    ///   read its successor.
    func takeNotice(succeeded: Bool) -> UpstreamNotice? {
        let notices = notices.withLockedValue { notices in
            defer { notices = Notices() }
            return notices
        }
        // A path may be gone for one key only.
        let gone = notices.gone.filter { !succeeded && notices.responding[$0.key] == nil }
        let relevant = Array(notices.responding.values) + Array(gone.values)
        guard !relevant.isEmpty else { return nil }
        return UpstreamNotice(
            isDeprecated: relevant.contains(where: \.isDeprecated), sunset: relevant.compactMap(\.sunset).min())
    }

    func retried() {
        tally.withLockedValue { $0.retries += 1 }
    }
}

/// The observers of one account's sources by name, which a source's client and its runner share.
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
