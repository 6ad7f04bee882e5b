import UsageLedger
import UsageModel

extension AccountRenderer {
    /// Summarizes the account for the status page.
    ///
    /// - Throws: `LedgerError.storage`.
    func overview(sources: [AccountOverview.Source]) async throws -> AccountOverview {
        let today = clock.now.day
        let from = costFrom
        let days = from == nil ? [] : try await costByDay(today.advanced(by: -29)...today)
        let month = BudgetRendering.month(of: today)
        let isMonthKnown = isMonthWhole(now: clock.now)
        return AccountOverview(
            name: identity.name, provider: identity.provider, sources: sources, costFrom: from,
            isCostEstimated: isCostEstimated,
            days: days.filter { day in from.map { day.day >= $0 } ?? false },
            costThisMonth: isMonthKnown ? try await costByDay(month).reduce(.zero) { $0 + $1.cost } : nil,
            successRatio: try await successRatio(today.advanced(by: -1)...today),
            balance: gauges.samples(of: .balanceUSD).first?.value, budgets: budgets)
    }

    private func costByDay(_ span: ClosedRange<UTCDay>) async throws -> [AccountOverview.Day] {
        var byDay: [UTCDay: [String: ExactDecimal]] = [:]
        for family in [LedgerFamily.cost, .estimatedCost] {
            for total in try await ledger.dayTotals(of: id, family: family, days: span) {
                let model = view.shown(total.labels, of: family.labelNames)[1]
                byDay[total.day, default: [:]][model, default: .zero] += total.value
            }
        }
        return span.map { AccountOverview.Day(day: $0, costByModel: byDay[$0] ?? [:]) }
    }

    private func successRatio(_ span: ClosedRange<UTCDay>) async throws -> Double? {
        var good = ExactDecimal.zero
        var all = ExactDecimal.zero
        for total in try await ledger.dayTotals(of: id, family: .outcomes, days: span) {
            all += total.value
            if total.labels[2] == "success" { good += total.value }
        }
        return all > .zero ? good.doubleValue / all.doubleValue : nil
    }

    private var budgets: [AccountOverview.Budget] {
        let spent = gauges.samples(of: .budgetSpent)
        let resets = gauges.samples(of: .budgetReset)
        return gauges.samples(of: .budgetLimit).map { limit in
            let (key, scope) = (limit.labels[0], limit.labels[1])
            return AccountOverview.Budget(
                name: key.isEmpty ? scope : key, scope: scope, limit: limit.value,
                spent: spent.first { $0.labels == limit.labels }?.value,
                resets: resets.first { $0.labels == limit.labels }.map {
                    Timestamp(milliseconds: Int64(saturating: $0.value * 1000))
                })
        }
    }
}
