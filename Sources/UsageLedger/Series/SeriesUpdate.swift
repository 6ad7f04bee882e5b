import GRDB
import UsageModel

/// Adds increases to totals, peaks and daily totals, and decreases of cost to the account's corrections.
struct SeriesUpdate {
    private let db: Database
    private let source: SourceRow
    private let families: UsageFamilies
    private let bornAt: Timestamp?
    private let readSeries: Statement
    private let writeSeries: Statement
    private let readDay: Statement
    private let writeDay: Statement
    private var changed: [SeriesTotal] = []
    private var served: Int

    /// - Parameter bornAt: the time at which new series appeared; nil for history.
    init(for source: SourceRow, _ families: UsageFamilies, bornAt: Timestamp?, _ db: Database) throws {
        self.db = db
        self.families = families
        self.source = source
        self.bornAt = bornAt
        readSeries = try db.cachedStatement(sql: "SELECT \(SeriesRow.columns), is_served FROM series WHERE id = ?")
        writeSeries = try db.cachedStatement(
            sql: """
                UPDATE series SET total = ?, peak = ?, started_at = ?, born_at = ?, rank = ?, is_served = 1 WHERE id = ?
                """)
        let readServed = try db.cachedStatement(sql: "SELECT served_series FROM account WHERE id = ?")
        served = try Int.fetchOne(readServed, arguments: [source.account.row]) ?? 0
        readDay = try db.cachedStatement(sql: "SELECT value FROM day_total WHERE series = ? AND day = ?")
        writeDay = try db.cachedStatement(
            sql: """
                INSERT INTO day_total (series, day, value) VALUES (?, ?, ?)
                ON CONFLICT (series, day) DO UPDATE SET value = excluded.value
                """)
    }

    /// Writes the deltas and returns the change.
    ///
    /// - Parameter correctionDay: the day to which decreases of cost are added.
    mutating func post(_ growth: DailyDeltas, correctionDay: UTCDay) throws -> LedgerChange {
        let servedBefore = served
        var fall = ExactDecimal.zero
        var hasNewCost = false
        // In the order of IDs, so that ranks are deterministic.
        for (series, days) in growth.bySeries.sorted(by: { $0.series < $1.series }) {
            let posted = try post(days, to: series)
            guard posted.isCost else { continue }
            hasNewCost = hasNewCost || posted.isNew
            if posted.amount.isNegative { fall -= posted.amount }
        }
        if hasNewCost || !fall.isZero {
            var register = try SeriesIndex(of: source, db)
            let corrections = try register.row(of: SeriesKey(.corrections, labels: []))
            _ = try post([(correctionDay.daysSinceEpoch, fall)], to: corrections)
        }
        if served > servedBefore {
            try db.cachedStatement(sql: "UPDATE account SET served_series = ? WHERE id = ?")
                .execute(arguments: [served, source.account.row])
        }
        return LedgerChange(series: changed.sorted { $0.id < $1.id })
    }

    private mutating func post(
        _ days: [(day: Int, amount: ExactDecimal)], to series: Int64
    ) throws -> (isCost: Bool, isNew: Bool, amount: ExactDecimal) {
        guard let row = try Row.fetchOne(readSeries, arguments: [series]) else {
            throw LedgerError.unreadable("series \(series) is missing")
        }
        var stored = try SeriesRow(row, families)
        let isServed: Bool = row[SeriesRow.columnCount]
        let amount = days.reduce(ExactDecimal.zero) { $0 + $1.amount }
        let isCost = stored.family == .cost
        // Usage that moved from one day to another changes only the daily totals.
        let moved = days.filter { !$0.amount.isZero }
        guard !isServed || !moved.isEmpty else { return (isCost, false, amount) }
        if !isServed || !amount.isZero {
            stored.grow(by: amount)
            if !isServed {
                served += 1
                stored.beginServing(startedAt: source.ledgerStart, bornAt: bornAt, rank: served)
            }
            try writeSeries.execute(
                arguments: [
                    stored.total.stored, stored.peak.stored, stored.startedAt.milliseconds,
                    stored.bornAt?.milliseconds, stored.rank, series,
                ])
        }
        for (day, amount) in moved {
            // A series has no daily totals before it is served.
            let value = isServed ? try DatabaseValue.fetchOne(readDay, arguments: [series, day]) : nil
            let before = try value.map(ExactDecimal.init(stored:)) ?? .zero
            try writeDay.execute(arguments: [series, day, (before + amount).stored])
        }
        if let total = stored.served { changed.append(total) }
        return (isCost, !isServed, amount)
    }
}

/// The deltas of one transaction by series and day, collected before they are written.
struct DailyDeltas {
    /// A series and a day.
    struct Entry: Hashable, Comparable {
        let series: Int64
        let day: Int

        static func < (left: Entry, right: Entry) -> Bool { (left.series, left.day) < (right.series, right.day) }
    }

    private var amounts: [Entry: ExactDecimal] = [:]

    /// Whether there is nothing to write.
    var isEmpty: Bool { amounts.isEmpty }

    /// Adds to a series on a day; zero marks the series as seen.
    mutating func add(_ amount: ExactDecimal, to series: Int64, on day: UTCDay) {
        amounts[Entry(series: series, day: day.daysSinceEpoch), default: .zero] += amount
    }

    /// The deltas of each series by day, in the order of series and days, as in the tables on disk.
    var bySeries: [(series: Int64, days: [(day: Int, amount: ExactDecimal)])] {
        var groups: [(series: Int64, days: [(day: Int, amount: ExactDecimal)])] = []
        for (entry, amount) in amounts.sorted(by: { $0.key < $1.key }) {
            if groups.last?.series == entry.series {
                groups[groups.count - 1].days.append((entry.day, amount))
            } else {
                groups.append((entry.series, [(entry.day, amount)]))
            }
        }
        return groups
    }
}
