import GRDB
import UsageModel

extension UsageLedger {
    /// Returns the states of the source's slices, by scope and start.
    ///
    /// Deleted slices are returned as one folded span from the source's start on, in the scope "".
    ///
    /// - Throws: `LedgerError.storage`.
    package func states(of source: SourceID) async throws -> [SliceState] {
        try await read { db in
            let owner = try SourceRow.fetch(source, db)
            var states: [SliceState] = []
            if let forgotten = owner.forgottenBefore {
                let span = Period(start: owner.ledgerStart, end: forgotten)
                states.append(SliceState(slice: SliceID(period: span), lastRead: forgotten, isFolded: true))
            }
            let statement = try db.cachedStatement(
                sql: """
                    SELECT scope, period_start, period_end, last_read, is_folded FROM slice
                    WHERE source = ? ORDER BY scope, period_start, period_end
                    """)
            let rows = try Row.fetchCursor(statement, arguments: [source.row])
            while let row = try rows.next() {
                let slice = SliceID(scope: row[0], period: Period(start: row.timestamp(1), end: row.timestamp(2)))
                states.append(SliceState(slice: slice, lastRead: row.timestamp(3), isFolded: row[4]))
            }
            return states
        }
    }

    /// Returns the stored cells of a slice; empty once it is folded.
    ///
    /// - Throws: `LedgerError.storage`.
    package func cells(of source: SourceID, slice: SliceID) async throws -> [Cell] {
        try await read { [families] db in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT series.family, series.labels, cell.value
                    FROM slice JOIN cell ON cell.slice = slice.id JOIN series ON series.id = cell.series
                    WHERE slice.source = ? AND slice.scope = ? AND slice.period_start = ? AND slice.period_end = ?
                    ORDER BY cell.series
                    """)
            let rows = try Row.fetchCursor(statement, arguments: StoredSliceID(slice).arguments(source))
            var cells: [Cell] = []
            while let row = try rows.next() {
                guard let family = families.ledgerFamily(row[0]) else { continue }
                cells.append(Cell(family, SeriesKey(family, stored: row[1]).labelValues, try row.decimal(2)))
            }
            return cells
        }
    }

    /// Returns the last committed gauges of the source, by family.
    ///
    /// - Throws: `LedgerError.storage`.
    package func gauges(of source: SourceID) async throws -> [GaugeFamily: [GaugeSample]] {
        try await read { [families] db in try GaugeStore(of: source, families, db).all() }
    }

    /// Returns the value that the source stored under a name; nil if there is none.
    ///
    /// - Throws: `LedgerError.storage`.
    package func memory(of source: SourceID, name: String) async throws -> String? {
        try await read { db in
            let statement = try db.cachedStatement(sql: "SELECT value FROM memory WHERE source = ? AND name = ?")
            return try String.fetchOne(statement, arguments: [source.row, name])
        }
    }
}
