import GRDB
import UsageModel

extension UsageLedger {
    /// Stores a reading in one transaction.
    ///
    /// Each slice replaces its stored cells, so that committing a reading twice changes nothing. A slice whose cells were
    /// folded into the sums is ignored. Until the source's history is complete, its slices are staged: stored, but not
    /// counted and not in the change. Gauges are never staged. A reading that completes the history counts all staged
    /// slices, including its own, in the same transaction.
    ///
    /// - Returns: the change of served series and gauges, already durable.
    /// - Throws: `LedgerError.storage`, `.reservedFamily` for cells of `corrections`, or `.undeclaredFamily`.
    package func commit(
        _ reading: Reading, to source: SourceID, now: Timestamp
    ) async throws -> LedgerChange {
        try await write { [families] db in
            let row = try SourceRow.fetch(source, db)
            var change = LedgerChange()
            var replacement = try SliceReplacement(for: row, families, db)
            for slice in reading.slices { try replacement.replace(slice) }
            if row.isHistoryComplete, !replacement.growth.isEmpty {
                var update = try SeriesUpdate(for: row, families, bornAt: now, db)
                let readAt = reading.slices.map(\.readAt).max() ?? now
                change = try update.post(replacement.growth, correctionDay: readAt.day)
            } else if reading.completesHistory, !row.isHistoryComplete {
                change = try countStaged(of: row, families, now: now, db)
            }
            change.gauges = try GaugeStore(of: source, families, db).replace(reading.gauges)
            try remember(reading.memory, of: source, db)
            return change
        }
    }

    /// Counts all staged slices of the source in one transaction; later commits are counted at once. Does nothing if the
    /// history is already complete.
    ///
    /// Usage attributed to its reading counts on the day of the slice's last reading.
    ///
    /// - Returns: the change of served series; new series are history (`bornAt` is nil).
    /// - Throws: `LedgerError.storage`.
    package func completeHistory(of source: SourceID, now: Timestamp) async throws -> LedgerChange {
        try await write { [families] db in
            let row = try SourceRow.fetch(source, db)
            return row.isHistoryComplete ? LedgerChange() : try countStaged(of: row, families, now: now, db)
        }
    }
}

private func countStaged(
    of source: SourceRow, _ families: UsageFamilies, now: Timestamp, _ db: Database
) throws -> LedgerChange {
    var growth = DailyDeltas()
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
    var update = try SeriesUpdate(for: source, families, bornAt: nil, db)
    let change = try update.post(growth, correctionDay: now.day)
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

/// Replaces the cells of slices, writes only those that differ, and collects the deltas.
struct SliceReplacement {
    private let db: Database
    private let source: SourceRow
    private let families: UsageFamilies
    private let insertCell: Statement
    private let updateCell: Statement
    private let deleteCell: Statement
    private var register: SeriesIndex
    /// The deltas so far.
    private(set) var growth = DailyDeltas()

    init(for source: SourceRow, _ families: UsageFamilies, _ db: Database) throws {
        self.db = db
        self.source = source
        self.families = families
        insertCell = try db.cachedStatement(sql: "INSERT INTO cell (slice, series, value) VALUES (?, ?, ?)")
        updateCell = try db.cachedStatement(sql: "UPDATE cell SET value = ? WHERE slice = ? AND series = ?")
        deleteCell = try db.cachedStatement(sql: "DELETE FROM cell WHERE slice = ? AND series = ?")
        register = try SeriesIndex(of: source, db)
    }

    /// Replaces one slice. Ignores a folded one: its cells were deleted, so that it would be counted twice.
    mutating func replace(_ reading: SliceReading) throws {
        let wanted = try sums(of: reading.cells)
        let day = reading.growthDay
        guard let slice = try enter(reading, growthDay: day) else { return }
        try replaceCells(of: slice, by: wanted, growthDay: day)
    }

    private func sums(of cells: [Cell]) throws -> CellSums {
        var sums = CellSums()
        for cell in cells {
            guard cell.family != .corrections else { throw LedgerError.reservedFamily(cell.family) }
            guard families.ledgerFamily(cell.family.name) != nil else {
                throw LedgerError.undeclaredFamily(cell.family.name)
            }
            sums.add(cell)
        }
        return sums
    }

    /// Writes the slice's state and returns its row; nil if it is folded.
    private func enter(_ reading: SliceReading, growthDay: UTCDay) throws -> Int64? {
        let slice = StoredSliceID(reading.slice)
        let find = try db.cachedStatement(
            sql: """
                SELECT id, is_folded FROM slice
                WHERE source = ? AND scope = ? AND period_start = ? AND period_end = ?
                """)
        if let row = try Row.fetchOne(find, arguments: slice.arguments(source.id)) {
            guard !(row[1] as Bool) else { return nil }
            let id: Int64 = row[0]
            try db.cachedStatement(sql: "UPDATE slice SET last_read = ?, growth_day = ? WHERE id = ?")
                .execute(arguments: [reading.readAt.milliseconds, growthDay.daysSinceEpoch, id])
            return id
        }
        if let forgotten = source.forgottenBefore, reading.slice.period.end <= forgotten { return nil }
        try db.cachedStatement(
            sql: """
                INSERT INTO slice (source, scope, period_start, period_end, last_read, is_folded, growth_day)
                VALUES (?, ?, ?, ?, ?, 0, ?)
                """
        ).execute(
            arguments: slice.arguments(source.id) + [reading.readAt.milliseconds, growthDay.daysSinceEpoch])
        return db.lastInsertedRowID
    }

    private mutating func replaceCells(
        of slice: Int64, by wanted: CellSums, growthDay day: UTCDay
    ) throws {
        var missing = wanted.values
        var gone: [(series: Int64, value: ExactDecimal)] = []
        var revised: [(series: Int64, old: ExactDecimal, new: ExactDecimal)] = []
        let stored = try db.cachedStatement(
            sql: """
                SELECT series.family, series.labels, cell.series, cell.value
                FROM cell JOIN series ON series.id = cell.series WHERE cell.slice = ?
                """)
        let rows = try Row.fetchCursor(stored, arguments: [slice])
        while let row = try rows.next() {
            let old = try row.decimal(3)
            let key = families.ledgerFamily(row[0]).map { SeriesKey($0, stored: row[1]) }
            if let key, let new = missing.removeValue(forKey: key) {
                if new != old { revised.append((row[2], old, new)) }
            } else {
                gone.append((row[2], old))
            }
        }
        for (series, value) in gone {
            try deleteCell.execute(arguments: [slice, series])
            growth.add(-value, to: series, on: day)
        }
        for (series, old, new) in revised {
            try updateCell.execute(arguments: [new.stored, slice, series])
            growth.add(new - old, to: series, on: day)
        }
        for key in wanted.order {
            guard let value = missing[key] else { continue }
            let series = try register.row(of: key)
            try insertCell.execute(arguments: [slice, series, value.stored])
            growth.add(value, to: series, on: day)
        }
    }
}

/// The sums of a slice's cells by series, in the order of the reading, in which new series get their rows.
private struct CellSums {
    private(set) var values: [SeriesKey: ExactDecimal] = [:]
    private(set) var order: [SeriesKey] = []

    mutating func add(_ cell: Cell) {
        let key = SeriesKey(cell.family, labels: cell.labels)
        let before = values[key]
        if before == nil { order.append(key) }
        values[key] = ((before ?? .zero) + cell.value).storable
    }
}

/// The stored form of a slice's ID.
struct StoredSliceID {
    private let slice: SliceID

    init(_ slice: SliceID) { self.slice = slice }

    /// Returns source, scope, start and end, in the order of the table's unique columns.
    func arguments(_ source: SourceID) -> StatementArguments {
        [source.row, slice.scope, slice.period.start.milliseconds, slice.period.end.milliseconds]
    }
}
