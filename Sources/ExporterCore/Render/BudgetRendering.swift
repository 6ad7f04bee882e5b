import UsageLedger
import UsageModel

/// The monthly budget that the config sets for an account, spent from the ledger: `genai_budget_*{scope="config"}`.
struct BudgetRendering {
    /// The families that are money spent: a provider has either.
    static let families: Set<LedgerFamily> = [.cost, .estimatedCost]

    private let limit: ExactDecimal
    /// What each series cost this month.
    private var bySeries: [Int64: ExactDecimal] = [:]
    private var spent = ExactDecimal.zero

    init(limit: ExactDecimal) {
        self.limit = limit
    }

    /// The days that count against the budget.
    static func month(of today: UTCDay) -> ClosedRange<UTCDay> { WindowSpan.monthToDate.days(on: today) }

    /// Forgets every series: their sums are taken anew, as on a new day.
    mutating func begin() {
        bySeries = [:]
        spent = .zero
    }

    /// Takes the month's sums of series that changed.
    ///
    /// - Parameter sum: a series' sum this month; nil where it has none.
    mutating func take(_ totals: [SeriesTotal], sum: (Int64) -> ExactDecimal?) {
        for total in totals where Self.families.contains(total.family) {
            let now = sum(total.id) ?? .zero
            spent += now - (bySeries[total.id] ?? .zero)
            bySeries[total.id] = now
        }
    }

    /// What to show.
    ///
    /// - Parameter isWhole: whether the month's cost is known as far as it was read: else what was spent is absent.
    func gauges(on today: UTCDay, isWhole: Bool) -> [GaugeFamily: [GaugeSample]] {
        let labels = ["", "config"]
        let start = today.startOfMonth
        let next = start.advanced(by: 32).startOfMonth
        return [
            .budgetLimit: [GaugeSample(labels, limit.doubleValue)],
            .budgetSpent: isWhole ? [GaugeSample(labels, spent.doubleValue)] : [],
            .budgetReset: [GaugeSample(labels, next.start.seconds)],
            .budgetPeriod: [GaugeSample(labels, (next.start - start.start).inSeconds)],
        ]
    }
}
