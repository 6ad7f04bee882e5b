import GRDB
import UsageModel

extension UsageLedger {
    /// Series of the account that are served, as they are now, in the order of their ids. Staged ones are not among
    /// them.
    ///
    /// - Parameter ids: the series to read; nil for all of the account.
    /// - Throws: `LedgerError.storage`.
    package func series(of account: AccountID, ids: Set<Int64>? = nil) async throws -> [SeriesTotal] {
        try await read { db in
            guard let ids else { return try SeriesRow.served(of: account, db) }
            let one = try db.cachedStatement(sql: SeriesRow.selectServed + " AND id = ?")
            return try ids.sorted().compactMap { id in
                try Row.fetchOne(one, arguments: [account.row, id]).flatMap { try SeriesRow($0).served }
            }
        }
    }

    /// All series of the account that are served, in the order of their ids, handed on by portions: those can be worked on
    /// while others are read.
    ///
    /// - Parameter size: series in a portion; the last may have fewer.
    /// - Throws: `LedgerError.storage`; what was handed on by then is not all.
    package func readSeries(
        of account: AccountID, portion size: Int = 2048, to take: @escaping @Sendable ([SeriesTotal]) -> Void
    ) async throws {
        try await read { db in
            var portion: [SeriesTotal] = []
            try SeriesRow.forEachServed(of: account, db) { total in
                portion.append(total)
                guard portion.count == size else { return }
                take(portion)
                portion = []
                portion.reserveCapacity(size)
            }
            if !portion.isEmpty { take(portion) }
        }
    }

    /// Records that series were served with their values, so that they are never held at 0 again.
    ///
    /// - Throws: `LedgerError.storage`; the values must then not be served.
    package func release(_ series: [Int64]) async throws {
        guard !series.isEmpty else { return }
        try await write { db in
            let release = try db.cachedStatement(sql: "UPDATE series SET is_released = 1 WHERE id = ?")
            for id in series { try release.execute(arguments: [id]) }
        }
    }

    /// Records that all of an account's series were served with their values.
    ///
    /// - Throws: `LedgerError.storage`; the values must then not be served.
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

    /// Makes a series limit the one that an account is served by.
    ///
    /// A series that passes from the folded labels to its own ones, or back, takes nothing with it: `elsewhere` keeps what
    /// is served under the labels that it leaves, so that no counter falls or steps.
    ///
    /// - Returns: how many series were ever past a limit.
    /// - Throws: `LedgerError.storage`.
    package func applySeriesLimit(_ limit: Int, to account: AccountID) async throws -> Int {
        try await write { db in
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
                // A series of a family without labels has the same labels on either side of the limit.
                for series in try moved.map(SeriesRow.init) where series.family?.labelNames.isEmpty == false {
                    try update.execute(arguments: [(series.peak - series.elsewhere).stored, series.id])
                }
            }
            try db.execute(
                sql: "UPDATE account SET series_limit = ?, overflowed = ? WHERE id = ?",
                arguments: [limit, overflowed, account.row])
            return overflowed
        }
    }

    /// The sums of an account's series over spans of UTC days.
    ///
    /// - Parameter series: the rows of the series to sum; nil for all of the account.
    /// - Returns: one sum for each span, by series; a series without usage in any span may be missing.
    /// - Throws: `LedgerError.storage`.
    package func windowSums(
        of account: AccountID, series: [Int64]?, spans: [ClosedRange<UTCDay>]
    ) async throws -> [Int64: [ExactDecimal]] {
        try await read { db in
            let none = [ExactDecimal](repeating: .zero, count: spans.count)
            var sums: [Int64: [ExactDecimal]] = [:]
            func add(_ rows: RowCursor) throws {
                // A series' days come one after the other: it is looked up once, and not for each.
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

    /// A family's sums by UTC day and labels, in the order of days: its history as far as it is kept.
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
                    account.row, family.rawValue, days.lowerBound.daysSinceEpoch, days.upperBound.daysSinceEpoch,
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

/// The same days as disjoint spans in ascending order, so that each stored row is read once.
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
