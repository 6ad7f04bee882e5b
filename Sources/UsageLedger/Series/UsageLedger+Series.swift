import GRDB
import UsageModel

extension UsageLedger {
    /// Returns the account's served series, in the order of their IDs, without staged ones.
    ///
    /// - Parameter ids: the series to read; nil for all.
    /// - Throws: `LedgerError.storage`.
    package func series(of account: AccountID, ids: Set<Int64>? = nil) async throws -> [SeriesTotal] {
        try await read { [families] db in
            guard let ids else { return try SeriesRow.served(of: account, families, db) }
            let one = try db.cachedStatement(sql: SeriesRow.selectServed + " AND id = ?")
            return try ids.sorted().compactMap { id in
                try Row.fetchOne(one, arguments: [account.row, id]).flatMap { try SeriesRow($0, families).served }
            }
        }
    }

    /// Reads the account's served series in batches, in the order of their IDs, so that the caller can process one batch
    /// while the next is read.
    ///
    /// - Parameter size: the number of series in a batch; the last may have fewer.
    /// - Throws: `LedgerError.storage`: the batches passed so far are incomplete.
    package func readSeries(
        of account: AccountID, portion size: Int = 2048, to take: @escaping @Sendable ([SeriesTotal]) -> Void
    ) async throws {
        try await read { [families] db in
            var batch: [SeriesTotal] = []
            try SeriesRow.forEachServed(of: account, families, db) { total in
                batch.append(total)
                guard batch.count == size else { return }
                take(batch)
                batch = []
                batch.reserveCapacity(size)
            }
            if !batch.isEmpty { take(batch) }
        }
    }

    /// Records that series were served with their values, so that they are not held at 0 again.
    ///
    /// - Throws: `LedgerError.storage`: the values must not be served.
    package func release(_ series: [Int64]) async throws {
        guard !series.isEmpty else { return }
        try await write { db in
            let release = try db.cachedStatement(sql: "UPDATE series SET is_released = 1 WHERE id = ?")
            for id in series { try release.execute(arguments: [id]) }
        }
    }

    /// Records that all of an account's series were served with their values.
    ///
    /// - Throws: `LedgerError.storage`: the values must not be served.
    package func releaseAll(of account: AccountID) async throws {
        let isDone = try await read { db in
            try Bool.fetchOne(
                db,
                sql: "SELECT NOT EXISTS (SELECT 1 FROM series WHERE account = ? AND is_served = 1 AND is_released = 0)",
                arguments: [account.row]) ?? false
        }
        guard !isDone else { return }
        try await write { db in
            try db.execute(
                sql: "UPDATE series SET is_released = 1 WHERE account = ? AND is_served = 1 AND is_released = 0",
                arguments: [account.row])
        }
    }

    /// Applies a series limit to an account.
    ///
    /// A series that moves from the folded labels to its own, or back, does not move its value: `elsewhere` keeps the part
    /// served under the previous labels, so that no counter decreases or jumps.
    ///
    /// - Returns: the number of series that were ever past a limit.
    /// - Throws: `LedgerError.storage`.
    package func applySeriesLimit(_ limit: Int, to account: AccountID) async throws -> Int {
        try await write { [families] db in
            guard
                let row = try Row.fetchOne(
                    db, sql: "SELECT series_limit, overflowed, served_series FROM account WHERE id = ?",
                    arguments: [account.row])
            else { throw LedgerError.storage("account \(account.row) is not in this ledger") }
            let before: Int = row[0] ?? limit
            let overflowed = max(row[1] as Int, (row[2] as Int) - before)
            if before != limit {
                let moved = try Row.fetchAll(
                    db, sql: SeriesRow.selectServed + " AND rank > ? AND rank <= ?",
                    arguments: [account.row, min(before, limit), max(before, limit)])
                let update = try db.cachedStatement(sql: "UPDATE series SET elsewhere = ? WHERE id = ?")
                // Without label names, the folded labels are the same as the own ones.
                for row in moved {
                    let series = try SeriesRow(row, families)
                    guard series.family?.labelNames.isEmpty == false else { continue }
                    try update.execute(arguments: [(series.peak - series.elsewhere).stored, series.id])
                }
            }
            try db.execute(
                sql: "UPDATE account SET series_limit = ?, overflowed = ? WHERE id = ?",
                arguments: [limit, overflowed, account.row])
            return overflowed
        }
    }

    /// Returns the sums of an account's series over spans of UTC days.
    ///
    /// - Parameter series: the IDs of the series to sum; nil for all.
    /// - Returns: one sum for each span, by series; a series without usage in any span may be missing.
    /// - Throws: `LedgerError.storage`.
    package func windowSums(
        of account: AccountID, series: [Int64]?, spans: [ClosedRange<UTCDay>]
    ) async throws -> [Int64: [ExactDecimal]] {
        try await read { db in
            let none = [ExactDecimal](repeating: .zero, count: spans.count)
            var sums: [Int64: [ExactDecimal]] = [:]
            func add(_ rows: RowCursor) throws {
                // Rows are grouped by series: look each one up once.
                var series: Int64?
                var windows = none
                while let row = try rows.next() {
                    let id: Int64 = row[0]
                    if id != series {
                        if let series { sums[series] = windows }
                        series = id
                        windows = sums[id] ?? none
                    }
                    let day = UTCDay(daysSinceEpoch: row[1])
                    let value = try row.decimal(2)
                    for index in spans.indices where spans[index].contains(day) { windows[index] += value }
                }
                if let series { sums[series] = windows }
            }
            let columns = """
                SELECT day_total.series, day_total.day, day_total.value
                FROM series JOIN day_total ON day_total.series = series.id
                WHERE day_total.day BETWEEN ? AND ? AND series.account = ?
                """
            let some = try db.cachedStatement(sql: columns + " AND series.id = ?")
            for days in merged(spans) {
                let bounds = [days.lowerBound.daysSinceEpoch, days.upperBound.daysSinceEpoch]
                if let series {
                    for id in series {
                        try add(Row.fetchCursor(some, arguments: [bounds[0], bounds[1], account.row, id]))
                    }
                } else {
                    try add(Row.fetchCursor(db, sql: columns, arguments: [bounds[0], bounds[1], account.row]))
                }
            }
            return sums
        }
    }

    /// Returns a family's retained totals by UTC day and labels, in the order of days.
    ///
    /// - Throws: `LedgerError.storage`.
    package func dayTotals(
        of account: AccountID, family: LedgerFamily, days: ClosedRange<UTCDay>
    ) async throws -> [(day: UTCDay, labels: [String], value: ExactDecimal)] {
        try await read { db in
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT day_total.day, series.labels, day_total.value
                    FROM series CROSS JOIN day_total ON day_total.series = series.id
                    WHERE series.account = ? AND series.family = ? AND day_total.day BETWEEN ? AND ?
                    ORDER BY day_total.day, series.id
                    """,
                arguments: [
                    account.row, family.name, days.lowerBound.daysSinceEpoch, days.upperBound.daysSinceEpoch,
                ])
            var totals: [(day: UTCDay, labels: [String], value: ExactDecimal)] = []
            while let row = try rows.next() {
                let key = SeriesKey(family, stored: row[1])
                totals.append((UTCDay(daysSinceEpoch: row[0]), key.labelValues, try row.decimal(2)))
            }
            return totals
        }
    }
}

/// Merges spans into disjoint ones in ascending order, so that each stored row is read once.
private func merged(_ spans: [ClosedRange<UTCDay>]) -> [ClosedRange<UTCDay>] {
    var result: [ClosedRange<UTCDay>] = []
    for span in spans.sorted(by: { $0.lowerBound < $1.lowerBound }) {
        if let last = result.last, span.lowerBound <= last.upperBound.advanced(by: 1) {
            result[result.count - 1] = last.lowerBound...max(last.upperBound, span.upperBound)
        } else {
            result.append(span)
        }
    }
    return result
}
