import Foundation
import GRDB
import UsageModel

/// A read-only snapshot of a ledger, readable while an exporter writes to it.
package struct LedgerHistory {
    /// An account of the ledger, configured or not.
    package struct Account: Sendable, Hashable {
        package let id: AccountID
        /// The label `account`.
        package let name: String
        /// The label `provider`.
        package let provider: String
        /// The first day whose daily totals are complete and kept.
        package let firstDay: UTCDay
    }

    private let families: UsageFamilies
    private let db: Database

    /// Reads a ledger in one transaction, without the folder's lock and without migrating it.
    ///
    /// - Throws: errors of `body`; `LedgerError.missing`, `.notReadable`, `.networkStorage`, `.olderSchema`,
    ///   `.newerSchema`, `.foreignDatabase` or `.storage`.
    package static func read<Value: Sendable>(
        folder: String, families: UsageFamilies, _ body: @escaping @Sendable (LedgerHistory) throws -> Value
    ) async throws -> Value {
        try await opened(folder: folder) { queue in
            try await queue.read { db in
                try check(db, folder: folder)
                return try body(LedgerHistory(families: families, db: db))
            }
        }
    }

    /// Returns whether a ledger is that of a demo.
    ///
    /// - Throws: as `read`.
    package static func isSimulated(folder: String) async throws -> Bool {
        try await read(folder: folder, families: .common) { try LedgerOrigin.isSimulated($0.db) }
    }

    /// Copies a ledger to a draft, without the folder's lock, consistent as of one commit.
    static func copy(folder: String, to draft: LedgerFile) async throws {
        try await opened(folder: folder) { queue in
            try await queue.writeWithoutTransaction { db in
                try check(db, folder: folder)
                try draft.fill(from: db)
            }
        }
    }

    private static func check(_ db: Database, folder: String) throws {
        let path = LedgerFile(in: folder).path
        try LedgerSchema.check(db, path: path)
        guard try LedgerSchema.migrator.hasCompletedMigrations(db) else { throw LedgerError.olderSchema(path: path) }
    }

    private static func opened<Value>(
        folder: String, _ body: (DatabaseQueue) async throws -> Value
    ) async throws -> Value {
        try LedgerFile.requireFolder(folder)
        let file = LedgerFile(in: folder)
        guard FileManager.default.fileExists(atPath: file.path) else { throw LedgerError.missing(path: file.path) }
        do {
            return try await body(file.connectForReading())
        } catch let error as DatabaseError
            where [.SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM].contains(error.resultCode)
        {
            // SQLite must create the -shm file next to the database if no exporter runs.
            throw LedgerError.notReadable(path: file.path)
        } catch let error as DatabaseError {
            throw LedgerError(error, path: file.path)
        }
    }

    /// Returns all accounts, in the order of their creation.
    ///
    /// - Throws: GRDB's `DatabaseError`, which `read` translates.
    package func accounts() throws -> [Account] {
        let rows = try Row.fetchAll(
            db, sql: "SELECT id, name, provider, ledger_start, pruned_before FROM account ORDER BY id")
        return rows.map { row in
            let start = UTCDay(firstFrom: row.timestamp(3))
            let kept = (row[4] as Int?).map { UTCDay(daysSinceEpoch: $0) }
            return Account(
                id: AccountID(row: row[0]), name: row[1], provider: row[2], firstDay: max(start, kept ?? start))
        }
    }

    /// Returns an account's served series, in the order of their IDs.
    ///
    /// - Throws: GRDB's `DatabaseError`, which `read` translates.
    package func series(of account: AccountID) throws -> [SeriesTotal] {
        try SeriesRow.served(of: account, families, db)
    }

    /// Returns the retained daily totals of one series, in UTC, in the order of days.
    ///
    /// - Throws: GRDB's `DatabaseError`, which `read` translates.
    package func days(of series: Int64) throws -> [(day: UTCDay, amount: ExactDecimal)] {
        let statement = try db.cachedStatement(sql: "SELECT day, value FROM day_total WHERE series = ? ORDER BY day")
        return try Row.fetchAll(statement, arguments: [series]).map {
            (UTCDay(daysSinceEpoch: $0[0]), try $0.decimal(1))
        }
    }

    /// Returns the salt of hashed labels; nil if there is none.
    ///
    /// - Throws: GRDB's `DatabaseError`, which `read` translates.
    package func labelSalt() throws -> String? {
        try String.fetchOne(db, sql: "SELECT value FROM setting WHERE name = ?", arguments: [LedgerSchema.saltSetting])
    }
}
