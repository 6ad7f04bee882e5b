import NIOConcurrencyHelpers

/// Where the newest complete snapshot is: swapped whole, read without waiting for a sync.
public final class SnapshotStore: Sendable {
    private let snapshot = NIOLockedValueBox(Snapshot.empty)

    /// A store that shows nothing yet.
    public init() {}

    /// The newest snapshot.
    public var current: Snapshot { snapshot.withLockedValue { $0 } }

    /// Shows a snapshot from now on.
    func publish(_ newest: Snapshot) {
        snapshot.withLockedValue { $0 = newest }
    }
}
