import Foundation
import GRDB
import NIOConcurrencyHelpers
import UsageModel

/// The exact, durable record of usage: stores slices of cells and maintains totals and daily totals.
///
/// Every series has `S`, the sum of its cells since the ledger start, and a counter `C`, the maximum of all values of
/// `S`. Both are updated incrementally and are durable when the commit returns. All state is in one SQLite file; writes
/// are serialized.
///
/// ```swift
/// let ledger = try await UsageLedger.open(folder: "data", families: .common, now: clock.now)
/// let account = try await ledger.registerAccount("media", provider: "wavespeed", proposedStart: start, now: clock.now)
/// let source = try await ledger.registerSource("usage", of: account.id)
/// let change = try await ledger.commit(reading, to: source.id, now: clock.now)
/// ```
package final class UsageLedger: Sendable {
    /// The path to which a damaged ledger file was moved when this one was opened; nil if there was none.
    package let setAside: String?
    /// Whether the database is in exclusive locking mode, so that no other program can read it while it is open.
    package let isExclusive: Bool

    /// The families that a reading may contain.
    let families: UsageFamilies

    private struct State {
        /// Nil if reopening failed or the ledger was closed.
        var connection: LedgerConnection?
        var lock: FolderLock
        var damage = Damage.none
    }

    /// The known damage of the open file.
    private enum Damage: Comparable {
        case none
        /// SQLite reported an error, or the file was replaced: reopening checks the file.
        case suspected
        /// A value is invalid, which reopening does not detect.
        case certain
    }

    let folder: String
    private let origin: LedgerOrigin
    private let file: LedgerFile
    private let openedAt: Timestamp
    private let state: NIOLockedValueBox<State>

    private init(
        folder: String, origin: LedgerOrigin, families: UsageFamilies, setAside: String?, isExclusive: Bool,
        openedAt: Timestamp, state: State
    ) {
        self.folder = folder
        self.origin = origin
        self.families = families
        self.isExclusive = isExclusive
        file = LedgerFile(in: folder)
        self.setAside = setAside
        self.openedAt = openedAt
        self.state = NIOLockedValueBox(state)
    }

    /// Opens the ledger in a folder, which is created with mode 0700 if it is missing.
    ///
    /// A damaged file is renamed to `ledger.sqlite.corrupt-…` and a new one is created.
    ///
    /// - Parameters:
    ///   - origin: the origin of its money.
    ///   - families: the families that readings may contain. Stored series of others are kept, but not served.
    /// - Throws: `LedgerError.locked`, `.notWritable`, `.networkStorage`, `.full`, `.newerSchema`, `.foreignDatabase`,
    ///   `.otherOrigin`, `.damagedDemo`, `.notFolder` or `.storage`.
    package static func open(
        folder: String, origin: LedgerOrigin = .billed, families: UsageFamilies, now: Timestamp
    ) async throws -> UsageLedger {
        let lock = try makeFolder(folder, openedAt: now)
        let file = LedgerFile(in: folder)
        let (queue, setAside) = try translated(file.path) { try file.open(for: origin, now: now) }
        let isExclusive = try translated(file.path) { try LedgerFile.isExclusive(queue) }
        return UsageLedger(
            folder: folder, origin: origin, families: families, setAside: setAside, isExclusive: isExclusive,
            openedAt: now, state: State(connection: LedgerConnection(queue, to: file), lock: lock))
    }

    /// Checkpoints the WAL, closes the file and releases the lock. Closing twice does nothing.
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

    /// Returns the size of the database file and its WAL in bytes.
    package func storageBytes() -> Int64 { file.bytes }

    /// Returns the quarantined databases in the folder, by name, with the time of their quarantine.
    package func filesSetAside() -> [String: Timestamp] { file.putAside }

    /// Runs statements in one transaction, which is rolled back if they throw or the task is cancelled.
    ///
    /// Fails without writing if the ledger's files were deleted or replaced.
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
                    // The open files may be damaged too: the ledger must be reopened.
                    throw noted(failure, of: connection)
                }
            }
            throw noted(error, of: connection)
        } catch let error as DatabaseError {
            throw noted(LedgerError(error, path: file.path), of: connection)
        }
    }

    /// Runs a body that makes transactions of its own, as `write`.
    func writeOutsideTransaction<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws -> Value {
        let connection = try connection
        do {
            return try await connection.use { queue in
                try await queue.writeWithoutTransaction { db in
                    try connection.check()
                    return try body(db)
                }
            }
        } catch let error as DatabaseError {
            throw noted(LedgerError(error, path: file.path), of: connection)
        }
    }

    /// Runs read-only statements on the state of the last commit.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        let connection = try connection
        do {
            // Not `read`, whose `query_only` pragma makes SQLite recompile every cached statement.
            return try await connection.use { queue in
                try await queue.unsafeRead { db in
                    let changes = db.totalChangesCount
                    var value: Value?
                    try db.inTransaction(.deferred) {
                        value = try body(db)
                        assert(db.totalChangesCount == changes, "writes must use `write`, which checks the files first")
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

    var connection: LedgerConnection {
        get throws {
            guard let connection = state.withLockedValue({ $0.connection }) else {
                throw LedgerError.storage("the ledger is not open")
            }
            return connection
        }
    }

    /// Records the damage that an error reports.
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
        try LedgerFile.requireFolder(folder)
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

// Recovery of files that are damaged, replaced or deleted while in use.
extension UsageLedger {
    /// Whether the file was damaged or replaced, so that nothing is written until it is reopened.
    package var needsReopening: Bool {
        state.withLockedValue { $0.damage != .none }
    }

    /// Opens the file at the ledger's path again; quarantines a damaged one and creates a new one. The caller must register
    /// accounts and sources again because their earlier data is invalid.
    ///
    /// - Returns: the path to which a damaged file was moved; nil if the file is intact.
    /// - Throws: as `open`. The ledger then has no database, and `needsReopening` stays true.
    package func reopen(now: Timestamp) async throws -> String? {
        let (old, damage) = state.withLockedValue { state in
            defer { state.connection = nil }
            return (state.connection, state.damage)
        }
        old?.retire()
        try? await old?.close()
        try holdFolder()
        let (queue, setAside) = try Self.translated(file.path) {
            try file.open(for: origin, now: now, isKnownDamaged: damage == .certain)
        }
        state.withLockedValue { state in
            state.connection = LedgerConnection(queue, to: file)
            state.damage = .none
        }
        return setAside
    }

    /// Recreates the ledger from its deleted files, which the system keeps while they are open.
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

    /// Recreates the folder if it was deleted, and locks the current lock file instead of a deleted one.
    private func holdFolder() throws {
        let lock = state.withLockedValue { $0.lock }
        guard !lock.isInPlace else { return }
        let newest = try Self.makeFolder(folder, openedAt: openedAt)
        state.withLockedValue { $0.lock = newest }
        lock.release()
    }
}

extension LedgerError {
    /// Translates a SQLite error. Others keep SQLite's message without the statement and its arguments, which may contain
    /// untrusted names.
    init(_ error: DatabaseError, path: String) {
        switch error.resultCode {
        case .SQLITE_FULL:
            self = .full(path: path)
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN:
            self = .notWritable(path: path, reason: error.message ?? "the file system denies access")
        case let code where LedgerFile.damage.contains(code) || error.extendedResultCode == .SQLITE_IOERR_SHORT_READ:
            self = .damaged(path: path)
        case .SQLITE_IOERR:
            if LedgerFile.noSharedMemory.contains(error.extendedResultCode) {
                self = .networkStorage(path: path, obstacle: "shared memory")
                return
            }
            self = .storage(
                "the disk did not \(Self.operation(error.extendedResultCode)) \(path) "
                    + "(SQLite code \(error.extendedResultCode.rawValue)): check whether it is mounted read-only, "
                    + "its quota is used up, it is network storage whose server is unreachable, or it is failing")
        case .SQLITE_BUSY:
            self = .storage(
                "\(path) stayed locked for \(LedgerFile.patience) s: another program has it open, or its file system, "
                    + "perhaps network storage (NFS, SMB, Azure Files), does not support locks; close that program, or put "
                    + "--storage.path on a local disk or block volume")
        default:
            self = .storage("SQLite error \(error.extendedResultCode.rawValue): \(error.message ?? "no message")")
        }
    }

    /// Returns the failed operation of an I/O error.
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
