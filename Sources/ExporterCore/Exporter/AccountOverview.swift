import UsageModel

/// An account as a person sees it.
public struct AccountOverview: Sendable {
    /// One upstream endpoint.
    public struct Source: Sendable {
        /// The endpoint's name.
        public let name: String
        /// How its syncs go.
        public let status: SyncStatus
    }

    /// One UTC day's cost by model, in USD.
    public struct Day: Sendable {
        /// Which day.
        public let day: UTCDay
        /// USD by model as `/metrics` names it; an empty name is what the provider lists under no model.
        public let costByModel: [String: ExactDecimal]

        /// USD of the whole day.
        public var cost: ExactDecimal { costByModel.values.reduce(.zero, +) }
    }

    /// A budget and what is spent of it.
    public struct Budget: Sendable {
        /// What it belongs to: a key's name, or the scope.
        public let name: String
        /// USD.
        public let limit: Double
        /// USD; nil where it is not known.
        public let spent: Double?
        /// When its period ends; nil where that is not known.
        public let resets: Timestamp?
    }

    /// The account's name.
    public let name: String
    /// The provider's name.
    public let provider: String
    /// Its endpoints.
    public let sources: [Source]
    /// The last 30 days with the present one, oldest first; none where the provider reports no cost.
    public let days: [Day]
    /// USD since the first of the month; nil where the provider reports no cost or the ledger begins later.
    public let costThisMonth: ExactDecimal?
    /// Successes among the requests of today and yesterday whose outcome is known; nil where there are none.
    public let successRatio: Double?
    /// Prepaid USD; nil where the provider has no such balance.
    public let balance: Double?
    /// Budgets with a limit.
    public let budgets: [Budget]

    /// USD today; nil where the provider reports no cost.
    public var costToday: ExactDecimal? { days.last?.cost }
}
