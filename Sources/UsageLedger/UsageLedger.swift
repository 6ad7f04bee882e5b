import Foundation
import GRDB
import NIOConcurrencyHelpers
import UsageModel

/// The exact, durable, incremental record of usage: slices of cells go in, totals and day sums come out.
///
/// Every series has `S`, the sum of its cells since the ledger start, and a counter `C`, the highest that `S` ever
/// was. Both change by what a commit changes and are durable when the commit returns. All state is in one SQLite
/// file; writes are one after another.
///
/// ```swift
/// let ledger = try await UsageLedger.open(folder: "data", now: clock.now)
/// let account = try await ledger.registerAccount("media", provider: "wavespeed", proposedStart: start, now: clock.now)
/// let source = try await ledger.registerSource("usage", of: account.id, proposedStart: start, now: clock.now)
/// let change = try await ledger.commit(reading, to: source.id, now: clock.now, ladder: .standard)
/// ```
package final class UsageLedger: Sendable {
    /// Where a damaged ledger file was put when this one was opened in its place; nil where there was none.
    package let setAside: String?
    /// Whether the file system has no shared memory, so that no other program can read the ledger while it is open.
    package let isExclusive: Bool

    private struct State {
        /// Nil while there is no database: opening it anew failed, or the ledger was closed.
        var connection: LedgerConnection?
        var lock: FolderLock
        var damage = Damage.none
    }

    /// What is known of the file that is open.
    private enum Damage: Comparable {
        case none
        /// SQLite complained, or another file has its name: opening it anew will tell.
        case suspected
        /// A value in it is wrong, which opening it does not tell.
        case certain
    }

    private let folder: String
    private let file: LedgerFile
    private let openedAt: Timestamp
    private let state: NIOLockedValueBox<State>

    private init(folder: String, setAside: String?, isExclusive: Bool, openedAt: Timestamp, state: State) {
        self.folder = folder
        self.isExclusive = isExclusive
        file = LedgerFile(in: folder)
        self.setAside = setAside
        self.openedAt = openedAt
        self.state = NIOLockedValueBox(state)
    }

    /// Opens the ledger in a folder, which is made (for this user alone) if it is missing.
    ///
    /// A file that SQLite finds damaged is renamed to `ledger.sqlite.corrupt-…` and a new one is made.
    ///
    /// - Throws: `LedgerError.locked`, `.notWritable`, `.networkStorage`, `.full`, `.newerSchema`, `.foreignDatabase` or `.storage`.
    package static func open(folder: String, now: Timestamp) async throws -> UsageLedger {
        let lock = try makeFolder(folder, openedAt: now)
        let file = LedgerFile(in: folder)
        let (queue, setAside) = try translated(file.path) { try file.open(now: now) }
        let isExclusive = try translated(file.path) { try LedgerFile.isExclusive(queue) }
        return UsageLedger(
            folder: folder, setAside: setAside, isExclusive: isExclusive, openedAt: now,
            state: State(connection: LedgerConnection(queue, to: file), lock: lock))
    }

    /// Writes the log back into the file, closes it and lets other processes in. Closing twice does nothing.
    ///
    /// - Throws: `LedgerError.storage`; the lock is released even then.
    package func close() async throws {
        let (connection, lock) = state.withLockedValue { state in
            defer { state.connection = nil }
            return (state.connection, state.lock)
        }
        defer { lock.release() }
        do {
            try await connection?.close(copyingBack: true)
        } catch let error as DatabaseError {
            throw LedgerError(error, path: file.path)
        }
    }

    /// Bytes of the database file and its log.
    package func storageBytes() -> Int64 { file.bytes }

    /// The damaged databases that are kept in the folder, by name, and when each was put aside.
    package func filesSetAside() -> [String: Timestamp] { file.putAside }

    /// Runs statements in one transaction, which is undone if they throw or the task is cancelled.
    ///
    /// Nothing is written to files that nobody would find again.
    func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        let connection = try connection
        do {
            return try await connection.use { queue in
                try await queue.write { db in
                    try connection.check()
                    return try body(db)
                }
            }
        } catch let error as LedgerError {
            if case .vanished = error {
                do {
                    try await restore(from: connection)
                } catch let failure as LedgerError {
                    // The open copy may be damaged too; then only opening what is there anew helps.
                    throw noted(failure, of: connection)
                }
            }
            throw noted(error, of: connection)
        } catch let error as DatabaseError {
            throw noted(LedgerError(error, path: file.path), of: connection)
        }
    }

    /// Runs statements that change nothing, on what the last commit left.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        let connection = try connection
        do {
            // Not `read`, whose pragma against writing has SQLite compile every cached statement anew.
            return try await connection.use { queue in
                try await queue.unsafeRead { db in
                    let changes = db.totalChangesCount
                    var value: Value?
                    try db.inTransaction(.deferred) {
                        value = try body(db)
                        assert(db.totalChangesCount == changes, "what writes must use `write`, which looks first")
                        return .commit
                    }
                    guard let value else { throw LedgerError.storage("a read ended without a result") }
                    return value
                }
            }
        } catch let error as LedgerError {
            throw noted(error, of: connection)
        } catch let error as DatabaseError {
            throw noted(LedgerError(error, path: file.path), of: connection)
        }
    }

    /// The database that is open.
    var connection: LedgerConnection {
        get throws {
            guard let connection = state.withLockedValue({ $0.connection }) else {
                throw LedgerError.storage("the ledger is not open")
            }
            return connection
        }
    }

    /// Remembers what an error says of the file.
    private func noted(_ error: LedgerError, of connection: LedgerConnection) -> LedgerError {
        let found: Damage
        switch error {
        case .damaged: found = .suspected
        case .unreadable: found = .certain
        default: return error
        }
        connection.retire()
        state.withLockedValue { state in
            if state.connection === connection { state.damage = max(state.damage, found) }
        }
        return error
    }

    private static func makeFolder(_ folder: String, openedAt: Timestamp) throws -> FolderLock {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw LedgerError.notWritable(path: folder, reason: "the folder cannot be made")
        }
        return try FolderLock(folder: folder, now: openedAt)
    }

    private static func translated<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as DatabaseError {
            throw LedgerError(error, path: path)
        } catch let error as CocoaError {
            throw LedgerError.storage("a ledger file could not be moved or made (\(error.code.rawValue))")
        }
    }
}

// What becomes of files that are damaged, exchanged or deleted while they are in use.
extension UsageLedger {
    /// Whether the file was damaged or exchanged, so that nothing is written until it is opened anew.
    package var needsReopening: Bool {
        state.withLockedValue { $0.damage != .none }
    }

    /// Opens what is at the ledger's place now; a damaged file is put aside and a new one made. Accounts and sources are
    /// to be registered again: nothing that was known of them holds.
    ///
    /// - Returns: where the damaged file was put; nil where the file is sound.
    /// - Throws: as `open`. The ledger then has no database, and `needsReopening` stays.
    package func reopen(now: Timestamp) async throws -> String? {
        let (old, damage) = state.withLockedValue { state in
            defer { state.connection = nil }
            return (state.connection, state.damage)
        }
        old?.retire()
        try? await old?.close()
        try holdFolder()
        let (queue, setAside) = try Self.translated(file.path) {
            try file.open(now: now, isKnownDamaged: damage == .certain)
        }
        state.withLockedValue { state in
            state.connection = LedgerConnection(queue, to: file)
            state.damage = .none
        }
        return setAside
    }

    /// Writes the ledger anew from files that were deleted under it, which the system keeps while they are open.
    private func restore(from connection: LedgerConnection) async throws {
        do {
            try holdFolder()
            try await connection.use { [file] queue in
                try await queue.writeWithoutTransaction { db in
                    guard connection.isSound else { throw LedgerError.damaged(path: file.path) }
                    try file.copy(from: db)
                    connection.retire()
                }
            }
            try await connection.close()
            do {
                let queue = try file.finishCopy()
                state.withLockedValue { $0.connection = LedgerConnection(queue, to: file) }
            } catch {
                state.withLockedValue { $0.damage = .suspected }
                throw error
            }
        } catch let error as DatabaseError {
            throw LedgerError(error, path: file.path)
        }
    }

    /// Makes the folder again where it is gone, and holds its lock file, not a deleted one.
    private func holdFolder() throws {
        let lock = state.withLockedValue { $0.lock }
        guard !lock.isInPlace else { return }
        let newest = try Self.makeFolder(folder, openedAt: openedAt)
        state.withLockedValue { $0.lock = newest }
        lock.release()
    }
}

extension LedgerError {
    /// What SQLite's code means for the ledger. Else its own words; the statement and its values are left out, since they
    /// hold names from outside.
    init(_ error: DatabaseError, path: String) {
        switch error.resultCode {
        case .SQLITE_FULL:
            self = .full(path: path)
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN:
            self = .notWritable(path: path, reason: error.message ?? "the file system refuses")
        case let code where LedgerFile.damage.contains(code) || error.extendedResultCode == .SQLITE_IOERR_SHORT_READ:
            self = .damaged(path: path)
        case .SQLITE_IOERR:
            if LedgerFile.noSharedMemory.contains(error.extendedResultCode) {
                self = .networkStorage(path: path, obstacle: "shared memory")
                return
            }
            self = .storage(
                "the disk did not \(Self.operation(error.extendedResultCode)) \(path) "
                    + "(SQLite's code \(error.extendedResultCode.rawValue)): look whether it is mounted read-only, "
                    + "its quota is used up, it is network storage whose server is away, or it is failing")
        case .SQLITE_BUSY:
            self = .storage(
                "\(path) stayed locked for \(LedgerFile.patience) s: another program has it open, or its file system, "
                    + "perhaps network storage (NFS, SMB, Azure Files), does not support locks; close that program, or put "
                    + "--storage.path on a local disk or block volume")
        default:
            self = .storage("SQLite error \(error.extendedResultCode.rawValue): \(error.message ?? "no message")")
        }
    }

    /// What the operating system refused, by SQLite's code.
    private static func operation(_ code: ResultCode) -> String {
        switch code {
        case .SQLITE_IOERR_FSYNC, .SQLITE_IOERR_DIR_FSYNC, .SQLITE_IOERR_CLOSE: "make durable (fsync)"
        case .SQLITE_IOERR_LOCK, .SQLITE_IOERR_UNLOCK, .SQLITE_IOERR_RDLOCK, .SQLITE_IOERR_CHECKRESERVEDLOCK: "lock"
        case .SQLITE_IOERR_READ: "read"
        case .SQLITE_IOERR_WRITE, .SQLITE_IOERR_TRUNCATE: "write"
        default: "read or write"
        }
    }
}
