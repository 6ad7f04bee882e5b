import NIOConcurrencyHelpers

/// Whether every account that there was at the start was tried once. What a reload adds does not take it back.
final class Readiness: Sendable {
    private let missing: NIOLockedValueBox<Set<String>>

    init(accounts: some Sequence<String>) {
        missing = NIOLockedValueBox(Set(accounts))
    }

    var isReady: Bool { missing.withLockedValue { $0.isEmpty } }

    /// Waits for an account no longer: it was tried, or is gone.
    func forget(_ account: String) {
        missing.withLockedValue { _ = $0.remove(account) }
    }
}
