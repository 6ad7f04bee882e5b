import Foundation
import GRDB
import UsageModel

/// Checks a ledger file: SQLite's own check, and whether the stored sums agree with each other.
package struct LedgerVerification: Sendable {
    let path: String
    let isSimulated: Bool
    /// The contents of the file.
    package let contents: LedgerContents
    /// The problems found, at most `mostProblems`; empty if the file is intact.
    package let problems: [String]

    /// The maximum number of reported problems.
    package static let mostProblems = 20

    /// Checks a file without changing it.
    ///
    /// - Throws: `LedgerError.missing`, `.notFile`, `.foreignDatabase`, `.olderSchema`, `.newerSchema`, `.damagedFile` or
    ///   `.storage`.
    package static func verify(_ path: String) async throws -> LedgerVerification {
        guard FileManager.default.fileExists(atPath: path) else { throw LedgerError.missing(path: path) }
        try LedgerFile.requireFile(path)
        do {
            let queue = try LedgerFile(at: path).connectForReading()
            return try await queue.read { db in
                let damage = try String.fetchAll(db, sql: "PRAGMA integrity_check(\(mostProblems))")
                guard damage == ["ok"] else { throw LedgerError.damagedFile(path: path, finding: damage.first ?? "") }
                try LedgerSchema.check(db, path: path)
                guard try LedgerSchema.migrator.hasCompletedMigrations(db) else {
                    throw LedgerError.olderSchema(path: path)
                }
                return LedgerVerification(
                    path: path, isSimulated: try LedgerOrigin.isSimulated(db), contents: try LedgerContents(of: db),
                    problems: try problems(db))
            }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_NOTADB {
            throw LedgerError.foreignDatabase(path: path)
        } catch let error as DatabaseError where LedgerFile.damage.contains(error.resultCode) {
            throw LedgerError.damagedFile(path: path, finding: error.message ?? "\(error.resultCode)")
        } catch let error as DatabaseError {
            throw LedgerError(error, path: path)
        }
    }

    /// Checks a file to import.
    ///
    /// - Throws: `LedgerError.damagedFile` if there is a problem, `.otherOrigin` for that of a demo, or as `verify`.
    package static func intact(_ path: String) async throws -> LedgerVerification {
        let verification = try await verify(path)
        if let problem = verification.problems.first { throw LedgerError.damagedFile(path: path, finding: problem) }
        if verification.isSimulated { throw LedgerError.otherOrigin(path: path, isSimulated: true) }
        return verification
    }

    private static func problems(_ db: Database) throws -> [String] {
        var problems: [String] = []
        let violations = try db.foreignKeyViolations()
        while let violation = try violations.next() {
            problems.append("a row of \(violation.originTable) refers to a missing row")
            if problems.count == mostProblems { return problems }
        }
        let series = try Row.fetchCursor(
            db,
            sql: """
                SELECT account.name, series.family, series.labels, series.total, series.peak, account.pruned_before,
                  series.id, series.elsewhere
                FROM series JOIN account ON account.id = series.account WHERE is_served = 1 ORDER BY series.id
                """)
        let days = try db.makeStatement(sql: "SELECT value FROM day_total WHERE series = ?")
        while let row = try series.next(), problems.count < mostProblems {
            let labels = (row[2] as String).replacing("\u{1F}", with: ", ")
            let name = "account \(row[0] as String): \(row[1] as String) (\(labels))"
            do {
                let (total, peak, elsewhere) = (try row.decimal(3), try row.decimal(4), try row.decimal(7))
                if total > peak { problems.append("\(name): the counter \(peak) is less than the sum \(total)") }
                if elsewhere > max(peak, .zero) {
                    problems.append(
                        "\(name): more is served under other labels, \(elsewhere), than the counter, \(peak)")
                }
                // Retention has deleted days of a pruned account.
                let isPruned = (row[5] as Int64?) != nil
                let sum = try Row.fetchAll(days, arguments: [row[6] as Int64]).reduce(ExactDecimal.zero) {
                    try $0 + $1.decimal(0)
                }
                if !isPruned, sum != total { problems.append("\(name): the days sum to \(sum), the total is \(total)") }
            } catch let error as LedgerError {
                problems.append("\(name): \(error)")
            }
        }
        return problems
    }
}
