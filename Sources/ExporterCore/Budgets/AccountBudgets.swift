import UsageLedger
import UsageModel

/// An account's shares of the budgets of the config: its own budgets, and those that it shares with other accounts.
struct AccountBudgets {
    private var shares: [BudgetShare]

    init(_ shares: [BudgetShare]) {
        self.shares = shares
    }

    var isEmpty: Bool { shares.isEmpty }

    /// The ledger's families whose sums the budgets need.
    var families: Set<LedgerFamily> {
        isEmpty ? [] : [.cost, .estimatedCost, .credits, .keyCost, .keyCredits, .modalityCost]
    }

    /// The spans of days whose sums the budgets need: that of the pace, and each period up to today.
    func spans(on today: UTCDay) -> [ClosedRange<UTCDay>] {
        isEmpty
            ? [] : [BudgetFigures.recentDays(on: today)] + periods.map { $0.days(containing: today).lowerBound...today }
    }

    /// The periods, each once.
    private var periods: [BudgetPeriod] {
        shares.map(\.budget.period).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// Removes every series, so that all sums are applied again, as on a new day.
    mutating func begin() {
        for index in shares.indices { shares[index].begin() }
    }

    /// Applies the sums of series that changed.
    ///
    /// - Parameter sums: returns a series' sums of `spans`; nil if it has none.
    mutating func take(_ totals: [SeriesTotal], sums: (Int64) -> ArraySlice<ExactDecimal>?) {
        guard !isEmpty else { return }
        let families = families
        let periods = periods
        for total in totals where families.contains(total.family) {
            let sums = sums(total.id)
            for index in shares.indices {
                guard let period = periods.firstIndex(of: shares[index].budget.period) else { continue }
                var new = BudgetSums()
                if let sums {
                    new.recent = sums[sums.startIndex]
                    new.spent = sums[sums.startIndex + 1 + period]
                }
                shares[index].take(total, new)
            }
        }
    }

    /// The gauges of the account's own budgets.
    func own(
        at now: Timestamp, part: (BudgetShare) -> BudgetPart?
    ) -> [GaugeFamily: [GaugeSample]] {
        shares.filter(\.budget.filter.isOfOneAccount).reduce(into: [:]) { gauges, share in
            let figures = BudgetFigures(budget: share.budget, parts: [part(share)], now: now, isShared: false)
            gauges.merge(figures.gauges, uniquingKeysWith: +)
        }
    }

    /// The account's parts of the budgets that it shares.
    func shared(part: (BudgetShare) -> BudgetPart?) -> [Budget: BudgetPart?] {
        Dictionary(
            shares.filter { !$0.budget.filter.isOfOneAccount }.map { ($0.budget, part($0)) },
            uniquingKeysWith: { first, _ in first })
    }
}
