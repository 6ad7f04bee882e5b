import GRDB
import UsageModel

/// A served series with its values.
package struct SeriesTotal: Sendable, Hashable {
    /// The ID of its row; stable for the life of the ledger.
    package let id: Int64
    package let family: LedgerFamily
    /// Label values in the order of `family.labelNames`.
    package let labels: [String]
    /// `S`: the sum of its cells since the ledger start, which may decrease. In the family's unit.
    package let sum: ExactDecimal
    /// `C`: the maximum of zero and all values of `S`, which never decreases. For `reconciliation`, a gauge over the
    /// retained days, it is `S`.
    package let counter: ExactDecimal
    /// The ledger start of the source that first served it (metrics law 10).
    package let startedAt: Timestamp
    /// When it first appeared, if after its source's history was complete; nil for history (metrics law 9).
    package let bornAt: Timestamp?
    /// Whether it was served with its value, so that it is not held at 0 again.
    package let isReleased: Bool
    /// The source that first reported it; others of the account may add to it.
    package let source: SourceID
    /// Its position among the account's series in the order in which they were first served, from 1 without gaps; constant.
    package let rank: Int
    /// The part of the counter that is served under other labels since the account's series limit changed: under the folded
    /// labels if the rank is within the limit, under its own labels otherwise. In the family's unit.
    package let elsewhere: ExactDecimal

    /// When counting began: when the series first appeared, or at the ledger start for history.
    package var countedSince: Timestamp { bornAt ?? startedAt }
}

/// The change of served series and gauges by a commit.
package struct LedgerChange: Sendable {
    /// New series and those whose sum, counter or daily totals changed, in the order of their IDs, as of the commit. If
    /// several sources add to a series, a later commit may have changed it since.
    package var series: [SeriesTotal]
    /// Gauge families of the source that changed, with all current samples; empty if there are none left.
    package var gauges: [GaugeFamily: [GaugeSample]]

    package init(series: [SeriesTotal] = [], gauges: [GaugeFamily: [GaugeSample]] = [:]) {
        self.series = series
        self.gauges = gauges
    }

    package var isEmpty: Bool { series.isEmpty && gauges.isEmpty }
}

/// A row of the table `series`.
struct SeriesRow {
    /// The columns that `init` reads, in its order.
    static let columns = "id, family, labels, total, peak, started_at, born_at, source, rank, is_released, elsewhere"
    static let columnCount = 11

    let id: Int64
    /// Nil for a family that this version does not know: such a series is kept, but not served.
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

    init(_ row: Row, _ families: UsageFamilies) throws {
        id = row[0]
        family = families.ledgerFamily(row[1])
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

    /// Returns an account's served series, in the order of their IDs.
    static func served(of account: AccountID, _ families: UsageFamilies, _ db: Database) throws -> [SeriesTotal] {
        var totals: [SeriesTotal] = []
        try forEachServed(of: account, families, db) { totals.append($0) }
        return totals
    }

    /// Iterates over an account's served series, in the order of their IDs. Does not map GRDB's cursors, because type
    /// lookups for each row took a seventh of the time.
    static func forEachServed(
        of account: AccountID, _ families: UsageFamilies, _ db: Database, _ body: (SeriesTotal) -> Void
    ) throws {
        let rows = try Row.fetchCursor(db, sql: selectServed + " ORDER BY id", arguments: [account.row])
        while let row = try rows.next() {
            if let total = try SeriesRow(row, families).served { body(total) }
        }
    }

    /// Selects the served series of an account.
    static let selectServed = "SELECT \(columns) FROM series WHERE account = ? AND is_served = 1"

    /// Adds to the sum, and raises the peak if the sum exceeds it. Reconciliation is a gauge: its peak is its sum.
    mutating func grow(by amount: ExactDecimal) {
        total = (total + amount).storable
        peak = family == .reconciliation ? total : max(peak, total)
    }

    mutating func beginServing(startedAt start: Timestamp, bornAt birth: Timestamp?, rank position: Int) {
        rank = position
        startedAt = start
        bornAt = birth
    }

    /// The served series; nil for an unknown family.
    var served: SeriesTotal? {
        family.map {
            SeriesTotal(
                id: id, family: $0, labels: SeriesKey($0, stored: labels).labelValues, sum: total, counter: peak,
                startedAt: startedAt, bornAt: bornAt, isReleased: isReleased, source: source, rank: rank,
                elsewhere: elsewhere)
        }
    }
}
