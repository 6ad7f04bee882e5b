import GRDB
import UsageModel

extension UsageLedger {
    /// The retention of cells if the provider does not document how long it keeps its data.
    package static let keptWithoutWord = Duration.days(100)

    /// Deletes the daily totals before a day, for every account.
    ///
    /// Totals and counters stay. The account stores the day, so that no window or budget that begins before it is served.
    ///
    /// - Returns: the series whose sum changed, by account: only `reconciliation`, which covers the retained days.
    /// - Throws: `LedgerError.storage`.
    package func pruneDays(before day: UTCDay) async throws -> [AccountID: LedgerChange] {
        try await write { [families] db in
            let changes = try shrinkReconciliation(before: day, families, db)
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

    /// Folds the source's slices that ended by a given time into the sums: deletes their cells and states.
    ///
    /// Folded usage stays in totals, counters and daily totals, and is not read again: `states` returns it as part of one
    /// folded span. Staged slices stay because they are not counted yet. This bounds the storage to the slices since then,
    /// plus one row for each series and retained day.
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

private func shrinkReconciliation(
    before day: UTCDay, _ families: UsageFamilies, _ db: Database
) throws -> [AccountID: LedgerChange] {
    let rows = try Row.fetchAll(
        db,
        sql: """
            SELECT \(SeriesRow.columns), account FROM series
            WHERE account IN (SELECT id FROM account) AND family = ? AND is_served = 1
            """,
        arguments: [LedgerFamily.reconciliation.name])
    let oldDays = try db.cachedStatement(sql: "SELECT value FROM day_total WHERE series = ? AND day < ?")
    let update = try db.cachedStatement(sql: "UPDATE series SET total = ?, peak = ? WHERE id = ?")
    var changes: [AccountID: LedgerChange] = [:]
    for row in rows {
        var series = try SeriesRow(row, families)
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
