import GRDB
import UsageModel

extension UsageLedger {
    /// Forgets what is older than a day: day sums, and the slices that ended before it.
    ///
    /// Totals and counters stay. A forgotten slice counts as settled (`states` tells it as part of one span), so that
    /// reading it once more never counts it twice. A slice that is still read, and what is staged, stays.
    ///
    /// - Returns: the series whose sum changed, by account: `reconciliation` alone, which covers the days kept.
    /// - Throws: `LedgerError.storage`.
    public func prune(before day: UTCDay, now: Timestamp) async throws -> [AccountID: LedgerChange] {
        try await write { db in
            let changes = try shrinkReconciliation(before: day, db)
            try db.execute(sql: "DELETE FROM day_total WHERE day < ?", arguments: [day.daysSinceEpoch])
            try forgetSlices(before: min(day.start, now), db)
            return changes
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

private func forgetSlices(before moment: Timestamp, _ db: Database) throws {
    // What is staged is not in the totals yet: it waits for its source's history, however old.
    let old = """
        source IN (SELECT id FROM source WHERE is_history_complete = 1)
        AND period_end <= :moment AND (is_settled = 1 OR last_read < :moment)
        """
    let arguments: StatementArguments = ["moment": moment.milliseconds]
    try db.execute(
        sql: "DELETE FROM cell WHERE slice IN (SELECT id FROM slice WHERE \(old))", arguments: arguments)
    try db.execute(sql: "DELETE FROM slice WHERE \(old)", arguments: arguments)
    try db.execute(
        sql: """
            UPDATE source SET forgotten_before = max(ifnull(forgotten_before, :moment), :moment)
            WHERE is_history_complete = 1 AND ledger_start < :moment
            """,
        arguments: arguments)
}
