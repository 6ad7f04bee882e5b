import NIOConcurrencyHelpers

/// Whether every account that there was at the start was tried once. What a reload adds does not take it back.
final class Readiness: Sendable {
    private let missing: NIOLockedValueBox<Set<String>>

    init(accounts: some Sequence<String>) {
        missing = NIOLockedValueBox(Set(accounts))
    }

    var isReady: Bool { missing.withLockedValue { $0.isEmpty } }

    /// What an account's sources call after their first try; the account counts once all `sources` of it have.
    func expectation(of account: String, sources: Int) -> @Sendable () -> Void {
        let left = LeftSources(sources)
        if sources == 0 { forget(account) }
        return { [self] in
            if left.oneDone() { forget(account) }
        }
    }

    /// Waits for an account no longer.
    func forget(_ account: String) {
        missing.withLockedValue { _ = $0.remove(account) }
    }

    private final class LeftSources: Sendable {
        private let count: NIOLockedValueBox<Int>

        init(_ count: Int) {
            self.count = NIOLockedValueBox(count)
        }

        func oneDone() -> Bool {
            count.withLockedValue {
                $0 -= 1
                return $0 == 0
            }
        }
    }
}
