import NIOConcurrencyHelpers

/// Runs the sources of an account until it is stopped.
final class AccountRun: Sendable {
    let account: ExporterAccount
    private let allTried: @Sendable () async -> Void
    private let untried: NIOLockedValueBox<Int>
    private let firstRound = AsyncEvent()
    private enum Phase { case waiting, running, over }

    private let phase = NIOLockedValueBox(Phase.waiting)
    private let stopping = AsyncEvent()
    private let ended = AsyncEvent()

    private struct Stopped: Error {}

    /// - Parameter allTried: called after each source of the account was tried once.
    init(_ account: ExporterAccount, allTried: @escaping @Sendable () async -> Void) {
        self.account = account
        self.allTried = allTried
        untried = NIOLockedValueBox(account.runners.count)
        if account.runners.isEmpty { firstRound.set() }
    }

    /// Syncs every source on its schedule until `stop`, or until the task is cancelled. After `stop` it does nothing.
    func run() async throws {
        let begins = phase.withLockedValue { phase in
            guard phase == .waiting else { return false }
            phase = .running
            return true
        }
        guard begins else { return }
        defer {
            phase.withLockedValue { $0 = .over }
            ended.set()
        }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for runner in account.runners {
                    group.addTask { try await runner.run(attempted: self.countTry) }
                }
                group.addTask { [firstRound, allTried] in
                    await firstRound.wait()
                    if !Task.isCancelled { await allTried() }
                }
                group.addTask { [stopping] in
                    await stopping.wait()
                    throw Stopped()
                }
                // Not `waitForAll`, which keeps the first error until all are done.
                for try await _ in group {}
            }
        } catch is Stopped {
            // An interruption by `stop` is not a failure, because the ledger's transactions are atomic.
        }
    }

    private func countTry() {
        let isLast = untried.withLockedValue { untried in
            untried -= 1
            return untried == 0
        }
        if isLast { firstRound.set() }
    }

    /// Ends the run and waits for its tasks. Stopping twice does nothing.
    func stop() async {
        let isRunning = phase.withLockedValue { phase in
            defer { if phase == .waiting { phase = .over } }
            return phase == .running
        }
        guard isRunning else { return }
        stopping.set()
        await ended.wait()
    }
}
