import UsageModel

/// An account for the status page.
package struct AccountOverview: Sendable {
    package struct Source: Sendable {
        package let name: String
        package let status: SyncStatus
        /// Whether cost, requests or tokens come from it.
        package let reportsUsage: Bool

        package init(name: String, status: SyncStatus, reportsUsage: Bool) {
            self.name = name
            self.status = status
            self.reportsUsage = reportsUsage
        }
    }

    /// One UTC day's cost by model, in USD.
    package struct Day: Sendable {
        package let day: UTCDay
        /// USD by the label `model` of `/metrics`; an empty label for cost that the provider lists under no model.
        package let costByModel: [String: ExactDecimal]

        package init(day: UTCDay, costByModel: [String: ExactDecimal]) {
            self.day = day
            self.costByModel = costByModel
        }

        /// USD of the whole day.
        package var cost: ExactDecimal { costByModel.values.reduce(.zero, +) }
    }

    /// A budget and the amount spent.
    package struct Budget: Sendable {
        /// The budget's name in the config, else its key, or the provider's term for its scope.
        package let name: String
        /// The unit of the amounts, such as `diem`; nil for USD.
        package let unit: String?
        package let limit: Double
        /// Nil if unknown.
        package let spent: Double?
        /// Usage that may belong to the budget, but is not split by the provider; nil if everything is.
        package let unattributed: Double?
        /// When the period ends; nil if unknown.
        package let resets: Timestamp?

        package init(
            name: String, unit: String? = nil, limit: Double, spent: Double?, unattributed: Double? = nil,
            resets: Timestamp?
        ) {
            self.name = name
            self.unit = unit
            self.limit = limit
            self.spent = spent
            self.unattributed = unattributed
            self.resets = resets
        }
    }

    package let name: String
    package let provider: String
    package let sources: [Source]
    /// The first day with known daily cost; nil if the provider reports no cost. It may be in the future, because some
    /// providers report only running totals, without the days of past cost.
    package let costFrom: UTCDay?
    /// Whether cost is estimated from the config's prices, because the provider reports none.
    package let isCostEstimated: Bool
    /// The last 30 days including today, without days before `costFrom`, oldest first.
    package let days: [Day]
    /// USD since the first of the month; nil if the provider reports no cost or the month began before `costFrom`.
    package let costThisMonth: ExactDecimal?
    /// The share of successes among today's and yesterday's requests with a known outcome; nil if there are none.
    package let successRatio: Double?
    /// Prepaid USD; nil if the provider has no such balance.
    package let balance: Double?
    /// Budgets with a limit.
    package let budgets: [Budget]

    package init(
        name: String, provider: String, sources: [Source], costFrom: UTCDay?, isCostEstimated: Bool, days: [Day],
        costThisMonth: ExactDecimal?,
        successRatio: Double?, balance: Double?, budgets: [Budget]
    ) {
        self.name = name
        self.provider = provider
        self.sources = sources
        self.costFrom = costFrom
        self.isCostEstimated = isCostEstimated
        self.days = days
        self.costThisMonth = costThisMonth
        self.successRatio = successRatio
        self.balance = balance
        self.budgets = budgets
    }

    /// USD today; nil if the provider reports no cost, or no daily cost yet.
    package var costToday: ExactDecimal? { days.last?.cost }
}

extension AccountOverview.Budget {
    /// The budgets with a limit, those in USD first.
    ///
    /// - Parameter samples: returns the samples of a family, with all of its labels.
    static func all(from samples: (GaugeFamily) -> [GaugeSample]) -> [AccountOverview.Budget] {
        let (spent, spentCredits) = (samples(.budgetSpent), samples(.budgetSpentCredits))
        let (unattributed, unattributedCredits) = (samples(.budgetUnattributed), samples(.budgetUnattributedCredits))
        let resets = samples(.budgetReset)
        func budget(_ limit: GaugeSample, unit: String?, name: String, _ spent: [GaugeSample], _ rest: [GaugeSample])
            -> AccountOverview.Budget
        {
            let (key, scope) = (limit.labels[0], limit.labels[1])
            return AccountOverview.Budget(
                name: !name.isEmpty ? name : key.isEmpty ? scope : key, unit: unit, limit: limit.value,
                spent: spent.first { $0.labels == limit.labels }?.value,
                unattributed: rest.first { $0.labels[0] == name && !name.isEmpty }?.value,
                resets: resets.first { $0.labels == [key, scope, name] }.map {
                    Timestamp(milliseconds: Int64(saturating: $0.value * 1000))
                })
        }
        return samples(.budgetLimit).map { budget($0, unit: nil, name: $0.labels[2], spent, unattributed) }
            + samples(.budgetLimitCredits).map {
                budget($0, unit: $0.labels[2], name: $0.labels[3], spentCredits, unattributedCredits)
            }
    }
}
