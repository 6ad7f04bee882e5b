import UsageLedger
import UsageModel

/// Renders the config's monthly budget of an account with the ledger's cost: `genai_budget_*{scope="config"}`.
struct BudgetRendering {
    /// The families that count money spent: a provider has one of them.
    static let families: Set<LedgerFamily> = [.cost, .estimatedCost]

    private let limit: ExactDecimal
    /// Cost of each series this month.
    private var bySeries: [Int64: ExactDecimal] = [:]
    private var spent = ExactDecimal.zero

    init(limit: ExactDecimal) {
        self.limit = limit
    }

    /// The days that count against the budget.
    static func month(of today: UTCDay) -> ClosedRange<UTCDay> { WindowSpan.monthToDate.days(on: today) }

    /// Removes every series, so that all sums are applied again, as on a new day.
    mutating func begin() {
        bySeries = [:]
        spent = .zero
    }

    /// Applies the month's sums of series that changed.
    ///
    /// - Parameter sum: returns a series' sum this month; nil if it has none.
    mutating func take(_ totals: [SeriesTotal], sum: (Int64) -> ExactDecimal?) {
        for total in totals where Self.families.contains(total.family) {
            let now = sum(total.id) ?? .zero
            spent += now - (bySeries[total.id] ?? .zero)
            bySeries[total.id] = now
        }
    }

    /// The budget's gauges.
    ///
    /// - Parameter isWhole: whether the cost up to the last sync is completely known; else the amount spent is absent.
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
