import NIOConcurrencyHelpers
import UsageModel
import Upstream

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
