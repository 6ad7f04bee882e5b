import Synchronization
import UsageModel
import Upstream

/// Counts a source's calls while a sync runs; the sum is shown once it is stored.
final class SyncObserver: UpstreamObserver {
    private let tally = Mutex(UpstreamTally())

    /// Goes on from what earlier runs of the exporter counted.
    func restore(_ earlier: UpstreamTally) {
        tally.withLock { $0 = earlier }
    }

    var current: UpstreamTally { tally.withLock { $0 } }

    func requestFinished(code: Int?, duration: Duration) {
        tally.withLock { $0.add(code: code, duration: duration) }
    }

    func retried() {
        tally.withLock { $0.retries += 1 }
    }
}
