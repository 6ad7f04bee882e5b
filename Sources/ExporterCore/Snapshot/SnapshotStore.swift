import NIOConcurrencyHelpers
import UsageModel

/// A snapshot that a scrape was given.
struct ServedSnapshot: Sendable {
    /// Which of the published snapshots.
    let number: UInt64
    let at: Timestamp
}

/// Where the newest complete snapshot is: swapped whole, read without waiting for a sync.
public final class SnapshotStore: Sendable {
    private let snapshot = NIOLockedValueBox(Snapshot.empty)
    /// The newest snapshot that a scrape was given whole, by account where it was given one account's series only.
    private let served = NIOLockedValueBox<[Int?: ServedSnapshot]>([:])

    /// A store that shows nothing yet.
    public init() {}

    /// The newest snapshot.
    public var current: Snapshot { snapshot.withLockedValue { $0 } }

    /// Records that a scrape was given all of a snapshot's series, or all of one account's.
    ///
    /// - Parameter now: when.
    public func markServed(_ snapshot: Snapshot, account: Int?, at now: Timestamp) {
        served.withLockedValue { served in
            guard snapshot.number >= served[account]?.number ?? 0 else { return }
            served[account] = ServedSnapshot(number: snapshot.number, at: now)
        }
    }

    /// The newest snapshot of which a scrape was given all of an account's series; nil before the first.
    func served(account: Int) -> ServedSnapshot? {
        served.withLockedValue { served in
            [served[nil], served[account]].compactMap { $0 }.max { $0.number < $1.number }
        }
    }

    /// Shows a snapshot from now on.
    func publish(_ newest: Snapshot) {
        snapshot.withLockedValue { $0 = newest }
    }
}
