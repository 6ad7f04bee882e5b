import GRDB
import UsageModel

extension UsageLedger {
    /// Stores a reading in one transaction, or nothing of it.
    ///
    /// Each slice replaces what was stored for it, however old it is: committing a reading twice changes nothing. Only a
    /// slice whose cells were folded into the sums is ignored. Until the source's history is
    /// complete its slices are staged: stored, but not counted and not in the change. Gauges are never staged. A
    /// reading that completes the history counts all that is staged, itself included, in the same transaction.
    ///
    /// - Returns: what changed of what is served, durable already.
    /// - Throws: `LedgerError.storage`, or `.reservedFamily` for cells of `corrections`.
    public func commit(
        _ reading: Reading, to source: SourceID, now: Timestamp
    ) async throws -> LedgerChange {
        try await write { db in
            let row = try SourceRow.fetch(source, db)
            var change = LedgerChange()
            var replacement = try SliceReplacement(for: row, db)
            for slice in reading.slices { try replacement.replace(slice) }
            if row.isHistoryComplete, !replacement.growth.isEmpty {
                var posting = try Posting(for: row, bornAt: now, db)
                let readAt = reading.slices.map(\.readAt).max() ?? now
                change = try posting.post(replacement.growth, correctionDay: readAt.day)
            } else if reading.completesHistory, !row.isHistoryComplete {
                change = try countStaged(of: row, now: now, db)
            }
            change.gauges = try GaugeStore(of: source, db).replace(reading.gauges)
            try remember(reading.memory, of: source, db)
            return change
        }
    }

    /// Counts all that the source has staged, in one transaction; from now on its commits are counted at once.
    /// Does nothing where the history is complete already.
    ///
    /// A staged slice's usage belongs to the day of the slice's last reading where the slice is attributed to its
    /// reading.
    ///
    /// - Returns: what changed of what is served; new series are history (`bornAt` is nil).
    /// - Throws: `LedgerError.storage`.
    public func completeHistory(of source: SourceID, now: Timestamp) async throws -> LedgerChange {
        try await write { db in
            let row = try SourceRow.fetch(source, db)
            return row.isHistoryComplete ? LedgerChange() : try countStaged(of: row, now: now, db)
        }
    }
}

private func countStaged(of source: SourceRow, now: Timestamp, _ db: Database) throws -> LedgerChange {
    var growth = Growth()
    let staged = try Row.fetchCursor(
        db,
        sql: """
            SELECT cell.series, cell.value, slice.growth_day
            FROM slice CROSS JOIN cell ON cell.slice = slice.id WHERE slice.source = ?
            """,
        arguments: [source.id.row])
    while let cell = try staged.next() {
        growth.add(try cell.decimal(1), to: cell[0], on: UTCDay(daysSinceEpoch: cell[2]))
    }
    var posting = try Posting(for: source, bornAt: nil, db)
    let change = try posting.post(growth, correctionDay: now.day)
    try db.execute(sql: "UPDATE source SET is_history_complete = 1 WHERE id = ?", arguments: [source.id.row])
    try db.execute(sql: "UPDATE account SET is_start_fixed = 1 WHERE id = ?", arguments: [source.account.row])
    return change
}

private func remember(_ memory: [String: String?], of source: SourceID, _ db: Database) throws {
    for (name, value) in memory {
        if let value {
            try db.cachedStatement(
                sql: """
                    INSERT INTO memory (source, name, value) VALUES (?, ?, ?)
                    ON CONFLICT (source, name) DO UPDATE SET value = excluded.value
                    """
            ).execute(arguments: [source.row, name, value])
        } else {
            try db.cachedStatement(sql: "DELETE FROM memory WHERE source = ? AND name = ?")
                .execute(arguments: [source.row, name])
        }
    }
}
