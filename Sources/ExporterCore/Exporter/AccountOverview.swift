import UsageModel

/// An account as a person sees it.
package struct AccountOverview: Sendable {
    /// One upstream endpoint.
    package struct Source: Sendable {
        /// The endpoint's name.
        package let name: String
        /// How its syncs go.
        package let status: SyncStatus
        /// Whether cost, requests or tokens come from it.
        package let reportsUsage: Bool

        /// An endpoint.
        package init(name: String, status: SyncStatus, reportsUsage: Bool) {
            self.name = name
            self.status = status
            self.reportsUsage = reportsUsage
        }
    }

    /// One UTC day's cost by model, in USD.
    package struct Day: Sendable {
        /// Which day.
        package let day: UTCDay
        /// USD by model as `/metrics` names it; an empty name is what the provider lists under no model.
        package let costByModel: [String: ExactDecimal]

        /// A day.
        package init(day: UTCDay, costByModel: [String: ExactDecimal]) {
            self.day = day
            self.costByModel = costByModel
        }

        /// USD of the whole day.
        package var cost: ExactDecimal { costByModel.values.reduce(.zero, +) }
    }

    /// A budget and what is spent of it.
    package struct Budget: Sendable {
        /// What it belongs to: a key's name, or the scope.
        package let name: String
        /// `config` where it is the config's own, else the provider's word.
        package let scope: String
        /// USD.
        package let limit: Double
        /// USD; nil where it is not known.
        package let spent: Double?
        /// When its period ends; nil where that is not known.
        package let resets: Timestamp?

        /// A budget.
        package init(name: String, scope: String, limit: Double, spent: Double?, resets: Timestamp?) {
            self.name = name
            self.scope = scope
            self.limit = limit
            self.spent = spent
            self.resets = resets
        }
    }

    /// The account's name.
    package let name: String
    /// The provider's name.
    package let provider: String
    /// Its endpoints.
    package let sources: [Source]
    /// From which day on it is known which day cost belongs to; nil where the provider reports no cost. It may lie
    /// ahead: a provider that gives running figures alone says of its past only how much it was.
    package let costFrom: UTCDay?
    /// Whether its cost is worked out from the config's prices: the provider reports none.
    package let isCostEstimated: Bool
    /// Of the last 30 days with the present one those from `costFrom` on, oldest first.
    package let days: [Day]
    /// USD since the first of the month; nil where the provider reports no cost or the month began before `costFrom`.
    package let costThisMonth: ExactDecimal?
    /// Successes among the requests of today and yesterday whose outcome is known; nil where there are none.
    package let successRatio: Double?
    /// Prepaid USD; nil where the provider has no such balance.
    package let balance: Double?
    /// Budgets with a limit.
    package let budgets: [Budget]

    /// An account.
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

    /// USD today; nil where the provider reports no cost, or not of which day it is.
    package var costToday: ExactDecimal? { days.last?.cost }
}
