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
        /// The name of the budget's key, or its scope.
        package let name: String
        /// `config` for the config's budget, else the provider's term.
        package let scope: String
        /// USD.
        package let limit: Double
        /// USD; nil if unknown.
        package let spent: Double?
        /// When the period ends; nil if unknown.
        package let resets: Timestamp?

        package init(name: String, scope: String, limit: Double, spent: Double?, resets: Timestamp?) {
            self.name = name
            self.scope = scope
            self.limit = limit
            self.spent = spent
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
