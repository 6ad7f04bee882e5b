import NIOConcurrencyHelpers
import UsageModel

/// When each account was last synced by request, all listeners together.
final class ForcedSyncs: Sendable {
    /// The shortest time between two of an account: a sync of all sources takes some requests of each provider, whose
    /// limits are by the minute.
    static let interval = Duration.seconds(10)

    private let last = NIOLockedValueBox<[String: Timestamp]>([:])

    /// How long to wait until all of these accounts may be synced; nil where they may now.
    func wait(for accounts: [String], at now: Timestamp) -> Duration? {
        let ages = last.withLockedValue { last in accounts.compactMap { last[$0] }.map { now - $0 } }
        // A clock that was set back must not close it for longer.
        return ages.filter { $0 >= .zero && $0 < Self.interval }.min().map { Self.interval - $0 }
    }

    /// Notes that accounts are synced now.
    func note(_ accounts: [String], at now: Timestamp) {
        last.withLockedValue { last in
            last = last.filter { now - $0.value < Self.interval }
            for account in accounts { last[account] = now }
        }
    }
}
