import PrometheusExposition
import UsageModel

extension MetricCatalogue {
    /// Money left, limits, plans, keys, models: what sources measure at each sync.
    static let gaugeEntries: [CatalogueEntry] = GaugeFamily.allCases.compactMap { family in
        // The provider's own windows share the families of the ledger's.
        guard family != .windowRequests, family != .windowTokens else { return nil }
        return CatalogueEntry(family.rawValue, .gauge, accountLabels + family.labelNames, help(of: family))
    }

    private static func help(of family: GaugeFamily) -> String {
        switch family {
        case .balanceUSD: "Prepaid balance in USD."
        case .balanceCredits: "Prepaid balance that is not USD, by unit."
        case .budgetLimit: "Budget or spending cap in USD; absent where there is no limit."
        case .budgetSpent: "USD spent in the budget's present period."
        case .budgetReset: "When the budget's present period ends."
        case .budgetPeriod: "Length of the budget's period in seconds."
        case .rateLimitRequestsPerMinute: "The provider's limit on requests in a minute."
        case .rateLimitTokensPerMinute: "The provider's limit on tokens in a minute."
        case .rateLimitRequestsPerDay: "The provider's limit on requests in a day."
        case .planInfo: "The subscription, as labels; always 1."
        case .planExpiry: "When the subscription ends."
        case .planPrice: "Price of the plan in the provider's price list, in USD."
        case .planRequestsPerMinute: "Requests in a minute that the plan of the price list allows."
        case .planTokensPerMinute: "Tokens in a minute that the plan of the price list allows."
        case .keyInfo: "The key's id and type, as labels; always 1."
        case .keyActive: "1 if the key can be used, else 0."
        case .keyCreated: "When the key was made."
        case .keyLastUsed: "When the key was last used."
        case .keyExpiry: "When the key ends."
        case .modelInfo: "The model's modality, as a label; always 1."
        case .modelUnitPrice: "The model's unit price in USD; what a request cost may differ, see genai_cost_usd_total."
        case .modelLastUsed: "The UTC day on which the model was last used."
        case .upstreamAccounts: "Accounts linked at the provider, by service and state."
        case .pendingRequests: "Requests that are accepted and neither succeeded nor failed yet."
        case .windowRequests, .windowTokens: ""
        }
    }
}
