import Synchronization

/// Where the newest complete snapshot is: swapped whole, read without waiting for a sync.
public final class SnapshotStore: Sendable {
    private let snapshot = Mutex(Snapshot.empty)

    /// A store that shows nothing yet.
    public init() {}

    /// The newest snapshot.
    public var current: Snapshot { snapshot.withLock { $0 } }

    /// Shows a snapshot from now on.
    func publish(_ newest: Snapshot) {
        snapshot.withLock { $0 = newest }
    }
}
