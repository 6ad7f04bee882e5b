import Foundation
import GRDB
import UsageModel

/// A ledger as it was at one moment, read beside the exporter that goes on writing it.
package struct LedgerHistory {
    /// An account of the ledger, configured or not.
    package struct Account: Sendable, Hashable {
        /// Its row.
        package let id: AccountID
        /// The label `account`.
        package let name: String
        /// The label `provider`.
        package let provider: String
    }

    private let db: Database

    /// Reads a ledger; nothing in its folder is changed, and no lock is taken.
    ///
    /// - Parameters:
    ///   - folder: the ledger's folder.
    ///   - body: given the ledger as one transaction sees it: what is committed meanwhile is not in it.
    /// - Throws: `LedgerError.missing`, `.notReadable`, `.networkStorage`, `.olderSchema`, `.newerSchema`, `.foreignDatabase` or `.storage`, and what `body`
    ///   throws.
    package static func read<Value: Sendable>(
        folder: String, _ body: @escaping @Sendable (LedgerHistory) throws -> Value
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
                return try body(LedgerHistory(db: db))
            }
        } catch let error as DatabaseError
            where [.SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM].contains(error.resultCode)
        {
            // SQLite keeps an index of the log beside the file, and has to make it where no exporter runs.
            throw LedgerError.notReadable(path: path)
        } catch let error as DatabaseError {
            throw LedgerError(error, path: path)
        }
    }

    /// All accounts, in the order in which they came.
    ///
    /// - Throws: GRDB's `DatabaseError`, which `read` translates.
    package func accounts() throws -> [Account] {
        try Row.fetchAll(db, sql: "SELECT id, name, provider FROM account ORDER BY id").map {
            Account(id: AccountID(row: $0[0]), name: $0[1], provider: $0[2])
        }
    }

    /// An account's series that are served, in the order of their ids.
    ///
    /// - Throws: GRDB's `DatabaseError`, which `read` translates.
    package func series(of account: AccountID) throws -> [SeriesTotal] {
        try SeriesRow.served(of: account, db)
    }

    /// The sums by UTC day of one series, in the order of days, as far as they are kept.
    ///
    /// - Throws: GRDB's `DatabaseError`, which `read` translates.
    package func days(of series: Int64) throws -> [(day: UTCDay, amount: ExactDecimal)] {
        let statement = try db.cachedStatement(sql: "SELECT day, value FROM day_total WHERE series = ? ORDER BY day")
        return try Row.fetchAll(statement, arguments: [series]).map {
            (UTCDay(daysSinceEpoch: $0[0]), try $0.decimal(1))
        }
    }

    /// A value that belongs to the storage; nil where it was never made.
    ///
    /// - Throws: GRDB's `DatabaseError`, which `read` translates.
    package func setting(_ name: String) throws -> String? {
        try String.fetchOne(db, sql: "SELECT value FROM setting WHERE name = ?", arguments: [name])
    }
}
