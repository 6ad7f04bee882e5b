import Foundation
import GRDB
import UsageModel

/// Copies of a ledger in one file: a snapshot of all accounts, or the export of one.
///
/// A copy is a ledger file of its own: a snapshot is restored by placing it as `ledger.sqlite` in a storage folder.
package enum LedgerCopy {
    /// The suffix of a copy's path until the copy is complete.
    package static let draftSuffix = ".new"

    /// Writes a consistent copy of a ledger, beside an exporter that writes to it.
    ///
    /// - Parameters:
    ///   - folder: the ledger's folder.
    ///   - path: the file to write, which is replaced as a whole.
    /// - Returns: what the copy contains.
    /// - Throws: as `LedgerHistory.read`, and `LedgerError.copyNotWritable` or `.full` for the output.
    package static func snapshot(of folder: String, to path: String) async throws -> LedgerContents {
        try await write(to: path) { draft in
            try await LedgerHistory.copy(folder: folder, to: draft)
            return try await draft.connectForReading().read { try LedgerContents(of: $0) }
        }
    }

    /// Writes one account of a ledger to a file, for `UsageLedger.importAccounts`.
    ///
    /// - Returns: what the copy contains.
    /// - Throws: as `snapshot`, and `LedgerError.unknownAccount`.
    package static func export(
        account name: String, of folder: String, to path: String
    ) async throws -> LedgerContents {
        try await write(to: path) { draft in
            try await LedgerHistory.copy(folder: folder, to: draft)
            return try await reduce(draft, to: name)
        }
    }

    /// Deletes all other accounts from a copy.
    private static func reduce(_ draft: LedgerFile, to name: String) async throws -> LedgerContents {
        let queue = try draft.connectForCopy()
        let contents = try await queue.write { db in
            let accounts = try Int64.fetchAll(db, sql: "SELECT id FROM account WHERE name = ?", arguments: [name])
            guard !accounts.isEmpty else {
                let known = try String.fetchAll(db, sql: "SELECT name FROM account ORDER BY name")
                throw LedgerError.unknownAccount(name: name, known: known)
            }
            for table in LedgerSchema.accountTables.reversed() {
                try db.execute(
                    sql: "DELETE FROM \(table.name) WHERE \(table.belongsToAccount("account.name <> ?"))",
                    arguments: [name])
            }
            try db.execute(sql: "DELETE FROM exporter_counter")
            let kept =
                accounts.map { LedgerSchema.startSetting(of: $0) } + [
                    LedgerSchema.saltSetting, LedgerSchema.simulatedSetting,
                ]
            let settings = try String.fetchAll(db, sql: "SELECT name FROM setting")
            for setting in settings where !kept.contains(setting) {
                try db.execute(sql: "DELETE FROM setting WHERE name = ?", arguments: [setting])
            }
            return try LedgerContents(of: db)
        }
        // Free the pages of deleted rows, which contain names of other accounts.
        try await queue.vacuum()
        try queue.close()
        return contents
    }

    /// Writes a copy by filling its draft, checks the copy, and renames it only if it is intact.
    ///
    /// - Throws: as `snapshot`, and `LedgerError.copyNotIntact`.
    static func writeIntact(
        to path: String, fill: (LedgerFile) async throws -> Void
    ) async throws -> LedgerContents {
        try await write(to: path) { draft in
            try await fill(draft)
            do {
                let verification = try await LedgerVerification.verify(draft.path)
                if let problem = verification.problems.first {
                    throw LedgerError.copyNotIntact(path: path, finding: problem)
                }
                return verification.contents
            } catch LedgerError.damagedFile(_, let finding) {
                throw LedgerError.copyNotIntact(path: path, finding: finding)
            }
        }
    }

    /// Fills a draft and renames it.
    private static func write(
        to path: String, fill: (LedgerFile) async throws -> LedgerContents
    ) async throws -> LedgerContents {
        guard !LedgerFile.isInUse(path) else { throw LedgerError.outputInUse(path: path) }
        try LedgerFile.requireFile(path)
        // The target of a symbolic link is replaced, not the link.
        let target = LedgerFile.target(of: path) ?? path
        let draft = LedgerFile(draftOf: target)
        do {
            try await BlockingFileAccess.run { try draft.prepare() }
            let contents = try await fill(draft)
            try await BlockingFileAccess.run { try draft.finish(as: target) }
            return contents
        } catch {
            try? await BlockingFileAccess.run { try draft.remove() }
            if case LedgerError.copyNotWritable(_, let reason) = error {
                throw LedgerError.copyNotWritable(path: path, reason: reason)
            }
            if let error = error as? DatabaseError { throw LedgerError(error, path: path) }
            throw error
        }
    }
}

extension UsageLedger {
    /// Writes a copy of this ledger to a file while the ledger is in use, and checks it as `LedgerVerification` does.
    ///
    /// Syncs and scrapes continue meanwhile; only if `isExclusive`, commits wait until the copy is written.
    ///
    /// - Parameter path: the file, which is replaced as a whole.
    /// - Returns: what the copy contains.
    /// - Throws: `LedgerError.copyNotWritable`, `.copyNotIntact`, `.full`, or an error of reading the ledger; a file at the
    ///   path is then unchanged.
    package func snapshot(to path: String) async throws -> LedgerContents {
        try await LedgerCopy.writeIntact(to: path) { draft in
            if isExclusive {
                // No second connection can read the ledger.
                try await writeOutsideTransaction { try draft.fill(from: $0) }
            } else {
                try await LedgerHistory.copy(folder: folder, to: draft)
            }
        }
    }
}

/// A summary of the accounts in a ledger file.
package struct LedgerContents: Sendable, Hashable {
    package struct Account: Sendable, Hashable {
        /// The label `account`.
        package let name: String
        /// The label `provider`.
        package let provider: String
        /// The number of its served series.
        package let series: Int
        /// The first and last UTC day with usage; nil if there is none.
        package let days: ClosedRange<UTCDay>?
    }

    /// In the order of their creation.
    package let accounts: [Account]

    init(of db: Database) throws {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT account.name, account.provider, count(DISTINCT series.id), min(day_total.day), max(day_total.day)
                FROM account
                LEFT JOIN series ON series.account = account.id AND series.is_served = 1
                LEFT JOIN day_total ON day_total.series = series.id
                GROUP BY account.id ORDER BY account.id
                """)
        accounts = rows.map { row in
            let (first, last): (Int?, Int?) = (row[3], row[4])
            var days: ClosedRange<UTCDay>?
            if let first, let last { days = UTCDay(daysSinceEpoch: first)...UTCDay(daysSinceEpoch: last) }
            return Account(name: row[0], provider: row[1], series: row[2], days: days)
        }
    }
}
