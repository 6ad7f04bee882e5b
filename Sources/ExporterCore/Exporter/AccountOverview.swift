import UsageModel

/// An account as a person sees it.
public struct AccountOverview: Sendable {
    /// One upstream endpoint.
    public struct Source: Sendable {
        /// The endpoint's name.
        public let name: String
        /// How its syncs go.
        public let status: SyncStatus
        /// Whether cost, requests or tokens come from it.
        public let reportsUsage: Bool

        /// An endpoint.
        public init(name: String, status: SyncStatus, reportsUsage: Bool) {
            self.name = name
            self.status = status
            self.reportsUsage = reportsUsage
        }
    }

    /// One UTC day's cost by model, in USD.
    public struct Day: Sendable {
        /// Which day.
        public let day: UTCDay
        /// USD by model as `/metrics` names it; an empty name is what the provider lists under no model.
        public let costByModel: [String: ExactDecimal]

        /// A day.
        public init(day: UTCDay, costByModel: [String: ExactDecimal]) {
            self.day = day
            self.costByModel = costByModel
        }

        /// USD of the whole day.
        public var cost: ExactDecimal { costByModel.values.reduce(.zero, +) }
    }

    /// A budget and what is spent of it.
    public struct Budget: Sendable {
        /// What it belongs to: a key's name, or the scope.
        public let name: String
        /// `config` where it is the config's own, else the provider's word.
        public let scope: String
        /// USD.
        public let limit: Double
        /// USD; nil where it is not known.
        public let spent: Double?
        /// When its period ends; nil where that is not known.
        public let resets: Timestamp?

        /// A budget.
        public init(name: String, scope: String, limit: Double, spent: Double?, resets: Timestamp?) {
            self.name = name
            self.scope = scope
            self.limit = limit
            self.spent = spent
            self.resets = resets
        }
    }

    /// The account's name.
    public let name: String
    /// The provider's name.
    public let provider: String
    /// Its endpoints.
    public let sources: [Source]
    /// From which day on it is known which day cost belongs to; nil where the provider reports no cost. It may lie
    /// ahead: a provider that gives running figures alone says of its past only how much it was.
    public let costFrom: UTCDay?
    /// Whether its cost is worked out from the config's prices: the provider reports none.
    public let isCostEstimated: Bool
    /// Of the last 30 days with the present one those from `costFrom` on, oldest first.
    public let days: [Day]
    /// USD since the first of the month; nil where the provider reports no cost or the month began before `costFrom`.
    public let costThisMonth: ExactDecimal?
    /// Successes among the requests of today and yesterday whose outcome is known; nil where there are none.
    public let successRatio: Double?
    /// Prepaid USD; nil where the provider has no such balance.
    public let balance: Double?
    /// Budgets with a limit.
    public let budgets: [Budget]

    /// An account.
    public init(
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
    public var costToday: ExactDecimal? { days.last?.cost }
}
