import GRDB
import NIOConcurrencyHelpers

/// An open database, for as long as it is the file at its path.
final class LedgerConnection: Sendable {
    private struct State {
        var footprint: LedgerFootprint
        var isSound = true
    }

    let queue: DatabaseQueue
    private let path: String
    private let state: NIOLockedValueBox<State>

    init(_ queue: DatabaseQueue, to file: LedgerFile) {
        self.queue = queue
        path = file.path
        state = NIOLockedValueBox(State(footprint: LedgerFootprint(of: file)))
    }

    /// Whether nothing is known to be wrong with the file.
    var isSound: Bool { state.withLockedValue { $0.isSound } }

    /// Holds that what is written now will be found again.
    ///
    /// - Throws: `LedgerError.vanished` or `.damaged`; nothing may be written then.
    func check() throws {
        try state.withLockedValue { state in
            guard state.isSound else { throw LedgerError.damaged(path: path) }
            switch state.footprint.look() {
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

    /// Closes the database. What is not copied back from its log stays in it, unless the database is no longer there.
    func close() throws {
        try queue.close()
        state.withLockedValue { $0.footprint.removeOrphanedLog() }
    }
}
