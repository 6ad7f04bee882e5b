import GRDB
import NIOConcurrencyHelpers

/// An open database, usable while it is the file at its path.
final class LedgerConnection: Sendable {
    private struct State {
        var identity: LedgerFileIdentity
        var isSound = true
        /// The number of calls in progress, for which closing waits: SQLite must not use a closed connection.
        var users = 0
        var isClosing = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let queue: DatabaseQueue
    private let path: String
    private let state: NIOLockedValueBox<State>

    init(_ queue: DatabaseQueue, to file: LedgerFile) {
        self.queue = queue
        path = file.path
        state = NIOLockedValueBox(State(identity: LedgerFileIdentity(of: file)))
    }

    /// Whether the file has no known damage.
    var isSound: Bool { state.withLockedValue { $0.isSound } }

    /// Runs a body with the database.
    ///
    /// - Throws: errors of the body; `LedgerError.storage` while the connection is being closed.
    func use<Value>(_ body: (DatabaseQueue) async throws -> Value) async throws -> Value {
        try state.withLockedValue { state in
            guard !state.isClosing else { throw LedgerError.storage("the ledger is being closed or reopened") }
            state.users += 1
        }
        defer { leave() }
        return try await body(queue)
    }

    /// Checks that the open files are still those at their paths, so that writes are durable.
    ///
    /// - Throws: `LedgerError.vanished` or `.damaged`: nothing may be written.
    func check() throws {
        try state.withLockedValue { state in
            guard state.isSound else { throw LedgerError.damaged(path: path) }
            switch state.identity.check() {
            case .intact: return
            case .missing: throw LedgerError.vanished(path: path)
            case .altered:
                state.isSound = false
                throw LedgerError.damaged(path: path)
            }
        }
    }

    /// Rejects further writes, because another connection replaces this one or SQLite found the file damaged.
    func retire() {
        state.withLockedValue { $0.isSound = false }
    }

    /// Closes the database after its last call. Commits that are not checkpointed stay in the WAL, unless the database was
    /// deleted.
    ///
    /// - Parameter copyingBack: whether to checkpoint the WAL, as far as possible.
    func close(copyingBack: Bool = false) async throws {
        await withCheckedContinuation { continuation in
            let isFree = state.withLockedValue { state in
                state.isClosing = true
                if state.users > 0 { state.waiting.append(continuation) }
                return state.users == 0
            }
            if isFree { continuation.resume() }
        }
        try closeNow(copyingBack: copyingBack)
    }

    // Synchronous, because GRDB's async calls fail in a cancelled task, which is common at shutdown.
    private func closeNow(copyingBack: Bool) throws {
        // This may be interrupted too. The next start reads what is not checkpointed from the WAL.
        if copyingBack {
            try? queue.writeWithoutTransaction { db in
                // A backup program reads the WAL as long as it runs: a shutdown must not wait for it.
                try db.execute(sql: "PRAGMA busy_timeout = 0")
                _ = try db.checkpoint(.truncate)
            }
        }
        try queue.close()
        state.withLockedValue { $0.identity.removeOrphanedLog() }
    }

    private func leave() {
        let waiting = state.withLockedValue { state in
            state.users -= 1
            guard state.users == 0 else { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
