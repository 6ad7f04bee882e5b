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
        let path = LedgerFile(in: folder).path
        guard FileManager.default.fileExists(atPath: path) else { throw LedgerError.missing(path: path) }
        var configuration = Configuration()
        configuration.label = "LedgerHistory"
        configuration.readonly = true
        configuration.busyMode = .timeout(Double(LedgerFile.patience))
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            return try await queue.read { db in
                try LedgerSchema.check(db, path: path)
                guard try LedgerSchema.migrator.hasCompletedMigrations(db) else {
                    throw LedgerError.olderSchema(path: path)
                }
                return try body(LedgerHistory(families: families, db: db))
            }
        } catch let error as DatabaseError
            where [.SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM].contains(error.resultCode)
        {
            // SQLite must create the -shm file next to the database if no exporter runs.
            throw LedgerError.notReadable(path: path)
        } catch let error as DatabaseError {
            throw LedgerError(error, path: path)
        }
    }

    /// Returns all accounts, in the order of their creation.
    ///
    /// - Throws: GRDB's `DatabaseError`, which `read` translates.
    package func accounts() throws -> [Account] {
        try Row.fetchAll(db, sql: "SELECT id, name, provider FROM account ORDER BY id").map {
            Account(id: AccountID(row: $0[0]), name: $0[1], provider: $0[2])
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

    /// Returns a value stored in the ledger; nil if there is none.
    ///
    /// - Throws: GRDB's `DatabaseError`, which `read` translates.
    package func setting(_ name: String) throws -> String? {
        try String.fetchOne(db, sql: "SELECT value FROM setting WHERE name = ?", arguments: [name])
    }
}
