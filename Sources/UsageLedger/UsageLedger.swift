import Foundation
import GRDB
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
public final class UsageLedger: Sendable {
    /// Where a damaged ledger file was put when this one was opened in its place; nil where there was none.
    public let setAside: String?

    private let file: LedgerFile
    private let queue: DatabaseQueue
    private let lock: FolderLock

    private init(file: LedgerFile, queue: DatabaseQueue, setAside: String?, lock: FolderLock) {
        self.file = file
        self.queue = queue
        self.setAside = setAside
        self.lock = lock
    }

    /// Opens the ledger in a folder, which is made (for this user alone) if it is missing.
    ///
    /// A file that SQLite finds damaged is renamed to `ledger.sqlite.corrupt-…` and a new one is made.
    ///
    /// - Throws: `LedgerError.locked`, `.notWritable`, `.newerSchema`, `.foreignDatabase` or `.storage`.
    public static func open(folder: String, now: Timestamp) async throws -> UsageLedger {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw LedgerError.notWritable(path: folder, reason: "the folder cannot be made")
        }
        let lock = try FolderLock(folder: folder, now: now)
        let file = LedgerFile(in: folder)
        let (queue, setAside) = try translated { try file.open(now: now) }
        return UsageLedger(file: file, queue: queue, setAside: setAside, lock: lock)
    }

    /// Writes the log back into the file, closes it and lets other processes in. Closing twice does nothing.
    ///
    /// - Throws: `LedgerError.storage`; the lock is released even then.
    public func close() async throws {
        try closeNow()
    }

    // Not through the async calls: at shutdown the task may be cancelled already, and they would refuse.
    private func closeNow() throws {
        guard lock.isHeld else { return }
        defer { lock.release() }
        try Self.translated {
            // A stop may interrupt this statement too. What is not copied back from the log is read from it next time.
            try? queue.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
            try queue.close()
        }
    }

    /// Bytes of the database file and its log.
    public func storageBytes() -> Int64 { file.bytes }

    /// Runs statements in one transaction, which is undone if they throw or the task is cancelled.
    func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        do {
            return try await queue.write(body)
        } catch let error as DatabaseError {
            throw LedgerError(error)
        }
    }

    /// Runs statements that change nothing, on what the last commit left.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        do {
            return try await queue.read(body)
        } catch let error as DatabaseError {
            throw LedgerError(error)
        }
    }

    private static func translated<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as DatabaseError {
            throw LedgerError(error)
        } catch let error as CocoaError {
            throw LedgerError.storage("a ledger file could not be moved or made (\(error.code.rawValue))")
        }
    }
}

extension LedgerError {
    /// SQLite's own words; the statement and its values are left out, since they hold names from outside.
    init(_ error: DatabaseError) {
        self = .storage("SQLite error \(error.extendedResultCode.rawValue): \(error.message ?? "no message")")
    }
}
