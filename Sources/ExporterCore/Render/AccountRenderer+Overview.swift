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
        let month = WindowSpan.monthToDate.days(on: today)
        let isMonthKnown = isCostKnown(of: month, now: clock.now)
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

    private var budgets: [AccountOverview.Budget] { AccountOverview.Budget.all(from: gauges.samples) }
}
