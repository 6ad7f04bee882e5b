import GRDB
import UsageModel

extension UsageLedger {
    /// How long cells are kept where the provider does not say how long it keeps its data.
    package static let keptWithoutWord = Duration.days(100)

    /// Deletes the day sums before a day, of every account.
    ///
    /// Totals and counters stay. The account remembers the day, so that no window or budget is served that reaches back
    /// before it.
    ///
    /// - Returns: the series whose sum changed, by account: `reconciliation` alone, which covers the days kept.
    /// - Throws: `LedgerError.storage`.
    package func pruneDays(before day: UTCDay) async throws -> [AccountID: LedgerChange] {
        try await write { db in
            let changes = try shrinkReconciliation(before: day, db)
            try db.execute(sql: "DELETE FROM day_total WHERE day < ?", arguments: [day.daysSinceEpoch])
            try db.execute(
                sql: """
                    UPDATE account SET pruned_before = max(ifnull(pruned_before, :day), :day)
                    WHERE ledger_start < :start
                    """,
                arguments: ["day": day.daysSinceEpoch, "start": day.start.milliseconds])
            return changes
        }
    }

    /// Folds the source's slices that ended by a given time into the sums: their cells and states are deleted.
    ///
    /// What is folded is in totals, counters and day sums, and is not read again: `states` returns it as part of one
    /// folded span. Staged slices stay, since they are in no sum yet. Storage holds at most the slices of this span of
    /// time, plus one row a series and kept day.
    ///
    /// - Throws: `LedgerError.storage`.
    package func fold(_ source: SourceID, before time: Timestamp) async throws {
        try await write { db in
            let old = """
                source = :source AND period_end <= :time
                AND (SELECT is_history_complete FROM source WHERE id = :source) = 1
                """
            let arguments: StatementArguments = ["time": time.milliseconds, "source": source.row]
            try db.execute(
                sql: "DELETE FROM cell WHERE slice IN (SELECT id FROM slice WHERE \(old))", arguments: arguments)
            try db.execute(sql: "DELETE FROM slice WHERE \(old)", arguments: arguments)
            try db.execute(
                sql: """
                    UPDATE source SET forgotten_before = max(ifnull(forgotten_before, :time), :time)
                    WHERE id = :source AND is_history_complete = 1 AND ledger_start < :time
                    """,
                arguments: arguments)
        }
    }
}

private func shrinkReconciliation(before day: UTCDay, _ db: Database) throws -> [AccountID: LedgerChange] {
    let rows = try Row.fetchAll(
        db,
        sql: """
            SELECT \(SeriesRow.columns), account FROM series
            WHERE account IN (SELECT id FROM account) AND family = ? AND is_served = 1
            """,
        arguments: [LedgerFamily.reconciliation.rawValue])
    let oldDays = try db.cachedStatement(sql: "SELECT value FROM day_total WHERE series = ? AND day < ?")
    let update = try db.cachedStatement(sql: "UPDATE series SET total = ?, peak = ? WHERE id = ?")
    var changes: [AccountID: LedgerChange] = [:]
    for row in rows {
        var series = try SeriesRow(row)
        let days = try Row.fetchAll(oldDays, arguments: [series.id, day.daysSinceEpoch])
        let forgotten = try days.reduce(ExactDecimal.zero) { try $0 + $1.decimal(0) }
        guard !forgotten.isZero else { continue }
        series.grow(by: -forgotten)
        try update.execute(arguments: [series.total.stored, series.peak.stored, series.id])
        if let total = series.served {
            changes[AccountID(row: row[SeriesRow.columnCount]), default: LedgerChange()].series.append(total)
        }
    }
    return changes
}
