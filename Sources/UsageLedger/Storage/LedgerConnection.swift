import GRDB
import NIOConcurrencyHelpers

/// An open database, for as long as it is the file at its path.
final class LedgerConnection: Sendable {
    private struct State {
        var identity: LedgerFileIdentity
        var isSound = true
        /// Calls under way: closing waits for them, since SQLite does not survive the use of a closed connection.
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

    /// Whether nothing is known to be wrong with the file.
    var isSound: Bool { state.withLockedValue { $0.isSound } }

    /// Runs a body with the database.
    ///
    /// - Throws: what the body throws; `LedgerError.storage` once the connection is being closed.
    func use<Value>(_ body: (DatabaseQueue) async throws -> Value) async throws -> Value {
        try state.withLockedValue { state in
            guard !state.isClosing else { throw LedgerError.storage("the ledger is being closed, or opened anew") }
            state.users += 1
        }
        defer { leave() }
        return try await body(queue)
    }

    /// Holds that what is written now will be found again.
    ///
    /// - Throws: `LedgerError.vanished` or `.damaged`; nothing may be written then.
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

    /// Lets nobody write any more: another connection takes its place, or SQLite found the file damaged.
    func retire() {
        state.withLockedValue { $0.isSound = false }
    }

    /// Closes the database once nobody uses it. What is not copied back from its log stays in it, unless the database is
    /// no longer there.
    ///
    /// - Parameter copyingBack: whether the log is copied back into the file as far as that can be done.
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

    // Not through the async calls: at shutdown the task may be cancelled already, and they would refuse.
    private func closeNow(copyingBack: Bool) throws {
        // A stop may interrupt this statement too. What is not copied back from the log is read from it next time.
        if copyingBack { try? queue.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) } }
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
