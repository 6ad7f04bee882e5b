import UsageModel

/// A series as the ledger serves it.
public struct SeriesTotal: Sendable, Hashable {
    /// Its row; stable for the life of the ledger.
    public let id: Int64
    /// The family that it belongs to.
    public let family: LedgerFamily
    /// Label values in the order of `family.labelNames`.
    public let labels: [String]
    /// `S`: the sum of its cells since the ledger start; it may fall. In the family's unit.
    public let sum: ExactDecimal
    /// `C`: the highest that `S` ever was, never below zero; it never falls. For `reconciliation`, which is a gauge
    /// over the days kept, it is `S`.
    public let counter: ExactDecimal
    /// Where its ledger begins: the start of the source that first served it (metrics law 10).
    public let startedAt: Timestamp
    /// When it first appeared, if that was after its source's history was complete; nil for history (law 9).
    public let bornAt: Timestamp?
    /// Whether it was served with its value: it is never held at 0 again.
    public let isReleased: Bool
    /// The source that first named it; others of the account may add to it.
    public let source: SourceID
    /// Its place among the account's series in the order in which they were first served, from 1 without gaps; it
    /// never changes.
    public let rank: Int
    /// What of the counter is served under other labels since the account's series limit changed: under the folded ones
    /// while the rank is within the limit, under its own ones while it is past it. In the family's unit.
    public let elsewhere: ExactDecimal

    /// When its counting began: at its birth, or where the ledger begins for what its source's history holds.
    public var countedSince: Timestamp { bornAt ?? startedAt }
}

/// What a commit changed of what is served.
public struct LedgerChange: Sendable {
    /// Series whose sum, counter or day sums changed, and new ones, in the order of their ids, as the commit left
    /// them: where several sources add to a series, another commit may have moved it on since.
    public var series: [SeriesTotal]
    /// Gauges of the source whose samples changed: by family, all that there are now; none where they went away.
    public var gauges: [GaugeFamily: [GaugeSample]]

    /// A change.
    public init(series: [SeriesTotal] = [], gauges: [GaugeFamily: [GaugeSample]] = [:]) {
        self.series = series
        self.gauges = gauges
    }

    /// Whether nothing that is served changed.
    public var isEmpty: Bool { series.isEmpty && gauges.isEmpty }
}
