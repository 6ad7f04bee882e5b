import UsageModel

/// The gauges of a budget of the config, from the parts of its accounts.
struct BudgetFigures {
    /// The number of days that determine the pace: today as far as it has passed, and the days before.
    private static let daysOfPace = 3
    /// The number of spenders that are named.
    private static let mostSpenders = 3

    let budget: Budget
    /// Of every account that reports money spent; nil for an account that has not reported yet.
    let parts: [BudgetPart?]
    let now: Timestamp
    /// Whether several accounts may share the budget: its spenders then have the served labels. Those of an account's own
    /// budget are mapped with its other gauges.
    let isShared: Bool

    /// - Parameter parts: one that was computed on another day is not known.
    init(budget: Budget, parts: [BudgetPart?], now: Timestamp, isShared: Bool) {
        self.budget = budget
        self.parts = parts.map { part in part.flatMap { $0.day == now.day ? $0 : nil } }
        self.now = now
        self.isShared = isShared
    }

    /// The days that determine the pace.
    static func recentDays(on today: UTCDay) -> ClosedRange<UTCDay> { today.advanced(by: 1 - daysOfPace)...today }

    /// Every gauge of budgets of the config, without the account's labels. Unknown figures are absent.
    var gauges: [GaugeFamily: [GaugeSample]] {
        let days = budget.period.days(containing: now.day)
        let end = days.upperBound.advanced(by: 1).start
        let labels = ["", "config"] + (budget.unit.map { [$0] } ?? []) + [budget.name]
        let named = ["", "config", budget.name]
        let isUSD = budget.unit == nil
        var gauges: [GaugeFamily: [GaugeSample]] = [
            isUSD ? .budgetLimit : .budgetLimitCredits: [GaugeSample(labels, budget.limit.doubleValue)],
            .budgetReset: [GaugeSample(named, end.seconds)],
            .budgetPeriod: [GaugeSample(named, (end - days.lowerBound.start).inSeconds)],
            .budgetThreshold: budget.thresholds.map { GaugeSample([budget.name, $0.text], $0.ratio) },
        ]
        guard let spent = sum(\.spent) else { return gauges }
        gauges[isUSD ? .budgetSpent : .budgetSpentCredits] = [GaugeSample(labels, spent.doubleValue)]
        gauges[.budgetThresholdReached] = budget.thresholds.map {
            GaugeSample([budget.name, $0.text], $0.isReached(spent, of: budget.limit) ? 1 : 0)
        }
        let unattributed = parts.compactMap { $0?.unattributed }
        if !unattributed.isEmpty {
            gauges[isUSD ? .budgetUnattributed : .budgetUnattributedCredits] = [
                GaugeSample(
                    [budget.name] + (budget.unit.map { [$0] } ?? []), unattributed.reduce(.zero, +).doubleValue)
            ]
        }
        gauges[.budgetTopShare] = topShares(of: spent)
        if let time = exhaustion(spent, before: end) {
            gauges[.budgetExhaustion] = [GaugeSample([budget.name], time.seconds)]
        }
        return gauges
    }

    private func sum(_ figure: (BudgetPart) -> ExactDecimal?) -> ExactDecimal? {
        guard !parts.isEmpty else { return nil }
        var sum = ExactDecimal.zero
        for part in parts {
            guard let value = part.flatMap(figure) else { return nil }
            sum += value
        }
        return sum
    }

    private func topShares(of spent: ExactDecimal) -> [GaugeSample] {
        guard spent > .zero else { return [] }
        var spenders: [[String]: ExactDecimal] = [:]
        for (spender, amount) in parts.flatMap({ $0?.spenders ?? [:] }) {
            spenders[isShared ? spender.shown : spender.labels, default: .zero] += amount
        }
        let ordered = spenders.sorted { ($1.value, $0.key.joined()) < ($0.value, $1.key.joined()) }
        return ordered.prefix(Self.mostSpenders).map {
            GaugeSample([budget.name] + $0.key, $0.value.doubleValue / spent.doubleValue)
        }
    }

    /// The time at which the limit is passed at the pace of the last days; nil if the period ends before, if the limit
    /// is passed already, or if the pace is not known.
    private func exhaustion(_ spent: ExactDecimal, before end: Timestamp) -> Timestamp? {
        guard spent < budget.limit, let recent = sum(\.recent), recent > .zero else { return nil }
        let span = (now - Self.recentDays(on: now.day).lowerBound.start).inSeconds
        let rest = (budget.limit - spent).doubleValue / recent.doubleValue * span
        guard rest < (end - now).inSeconds else { return nil }
        return now + .milliseconds(Int64(saturating: rest * 1000))
    }
}
