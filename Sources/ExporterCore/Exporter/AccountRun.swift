import Synchronization

/// An account's sources at work, until it is stopped.
final class AccountRun: Sendable {
    /// The account that runs.
    let account: ExporterAccount
    private let tried: @Sendable () -> Void
    private let stopping = Signal()
    private let ended = Signal()

    private struct Stopped: Error {}

    /// - Parameter tried: called by each source after its first try.
    init(_ account: ExporterAccount, tried: @escaping @Sendable () -> Void) {
        self.account = account
        self.tried = tried
    }

    /// Syncs every source on its schedule until `stop`, or until the task is cancelled.
    func run() async throws {
        defer { ended.give() }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for runner in account.runners {
                    group.addTask { [tried] in try await runner.run(tried: tried) }
                }
                group.addTask { [stopping] in
                    await stopping.wait()
                    throw Stopped()
                }
                // Not `waitForAll`, which keeps the first error until all are done.
                for try await _ in group {}
            }
        } catch is Stopped {
            // What a stop interrupts is no failure: the ledger's transactions are whole or not there.
        }
    }

    /// Ends the run, and comes back when nothing of it goes on any more.
    func stop() async {
        stopping.give()
        await ended.wait()
    }
}
