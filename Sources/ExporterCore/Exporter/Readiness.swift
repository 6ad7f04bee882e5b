import Synchronization

/// Whether every account was tried once.
final class Readiness: Sendable {
    private let missing: Mutex<Int>

    init(expected accounts: Int) {
        missing = Mutex(accounts)
    }

    var isReady: Bool { missing.withLock { $0 <= 0 } }

    /// What an account's sources call after their first try; the account counts once all `sources` of it have.
    func expectation(of sources: Int) -> @Sendable () -> Void {
        let left = LeftSources(sources)
        if sources == 0 { missing.withLock { $0 -= 1 } }
        return { [self] in
            if left.oneDone() { missing.withLock { $0 -= 1 } }
        }
    }

    private final class LeftSources: Sendable {
        private let count: Mutex<Int>

        init(_ count: Int) {
            self.count = Mutex(count)
        }

        func oneDone() -> Bool {
            count.withLock {
                $0 -= 1
                return $0 == 0
            }
        }
    }
}
