import GRDB
import UsageModel

/// A series as the ledger serves it.
package struct SeriesTotal: Sendable, Hashable {
    /// Its row; stable for the life of the ledger.
    package let id: Int64
    /// The family that it belongs to.
    package let family: LedgerFamily
    /// Label values in the order of `family.labelNames`.
    package let labels: [String]
    /// `S`: the sum of its cells since the ledger start; it may fall. In the family's unit.
    package let sum: ExactDecimal
    /// `C`: the highest that `S` ever was, never below zero; it never falls. For `reconciliation`, which is a gauge
    /// over the days kept, it is `S`.
    package let counter: ExactDecimal
    /// Where its ledger begins: the start of the source that first served it (metrics law 10).
    package let startedAt: Timestamp
    /// When it first appeared, if that was after its source's history was complete; nil for history (law 9).
    package let bornAt: Timestamp?
    /// Whether it was served with its value: it is never held at 0 again.
    package let isReleased: Bool
    /// The source that first named it; others of the account may add to it.
    package let source: SourceID
    /// Its place among the account's series in the order in which they were first served, from 1 without gaps; it
    /// never changes.
    package let rank: Int
    /// What of the counter is served under other labels since the account's series limit changed: under the folded ones
    /// while the rank is within the limit, under its own ones while it is past it. In the family's unit.
    package let elsewhere: ExactDecimal

    /// When its counting began: at its birth, or where the ledger begins for what its source's history holds.
    package var countedSince: Timestamp { bornAt ?? startedAt }
}

/// What a commit changed of what is served.
package struct LedgerChange: Sendable {
    /// Series whose sum, counter or day sums changed, and new ones, in the order of their ids, as the commit left
    /// them: where several sources add to a series, another commit may have moved it on since.
    package var series: [SeriesTotal]
    /// Gauges of the source whose samples changed: by family, all that there are now; none where they went away.
    package var gauges: [GaugeFamily: [GaugeSample]]

    /// A change.
    package init(series: [SeriesTotal] = [], gauges: [GaugeFamily: [GaugeSample]] = [:]) {
        self.series = series
        self.gauges = gauges
    }

    /// Whether nothing that is served changed.
    package var isEmpty: Bool { series.isEmpty && gauges.isEmpty }
}

/// A row of the table `series`.
struct SeriesRow {
    /// The columns that `init` reads, in its order.
    static let columns = "id, family, labels, total, peak, started_at, born_at, source, rank, is_released, elsewhere"
    static let columnCount = 11

    let id: Int64
    /// Nil for a family that this version does not know: such a series is kept and not served.
    let family: LedgerFamily?
    let labels: String
    private(set) var total: ExactDecimal
    private(set) var peak: ExactDecimal
    private(set) var startedAt: Timestamp
    private(set) var bornAt: Timestamp?
    private let source: SourceID
    private(set) var rank: Int
    private let isReleased: Bool
    let elsewhere: ExactDecimal

    init(_ row: Row) throws {
        id = row[0]
        family = LedgerFamily(stored: row[1])
        labels = row[2]
        total = try row.decimal(3)
        peak = try row.decimal(4)
        startedAt = row.timestamp(5)
        let born: Int64? = row[6]
        bornAt = born.map(Timestamp.init(milliseconds:))
        source = SourceID(row: row[7])
        rank = row[8]
        isReleased = row[9]
        elsewhere = try row.decimal(10)
    }

    /// An account's series that are served, in the order of their ids.
    static func served(of account: AccountID, _ db: Database) throws -> [SeriesTotal] {
        var totals: [SeriesTotal] = []
        try forEachServed(of: account, db) { totals.append($0) }
        return totals
    }

    /// The same, one by one. Not by cursors that GRDB makes of cursors: those look their types up for each row, which took
    /// a seventh of the time.
    static func forEachServed(of account: AccountID, _ db: Database, _ body: (SeriesTotal) -> Void) throws {
        let rows = try Row.fetchCursor(db, sql: selectServed + " ORDER BY id", arguments: [account.row])
        while let row = try rows.next() {
            if let total = try SeriesRow(row).served { body(total) }
        }
    }

    /// What reads the series of an account that are served.
    static let selectServed = "SELECT \(columns) FROM series WHERE account = ? AND is_served = 1"

    /// Moves the sum, and the peak where the sum passes it. Reconciliation is a gauge: its peak is its sum.
    mutating func grow(by amount: ExactDecimal) {
        total = (total + amount).storable
        peak = family == .reconciliation ? total : max(peak, total)
    }

    mutating func beginServing(startedAt start: Timestamp, bornAt birth: Timestamp?, rank place: Int) {
        rank = place
        startedAt = start
        bornAt = birth
    }

    /// What is served of it.
    var served: SeriesTotal? {
        family.map {
            SeriesTotal(
                id: id, family: $0, labels: SeriesKey($0, stored: labels).labelValues, sum: total, counter: peak,
                startedAt: startedAt, bornAt: bornAt, isReleased: isReleased, source: source, rank: rank,
                elsewhere: elsewhere)
        }
    }
}
