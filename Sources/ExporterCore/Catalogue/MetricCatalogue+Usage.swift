import PrometheusExposition
import UsageModel

extension MetricCatalogue {
    /// Counters and the histogram, from the ledger.
    static let usageEntries: [CatalogueEntry] = LedgerFamily.allCases.map { family in
        let labels = accountLabels + family.labelNames.filter { $0 != "le" }
        return CatalogueEntry(family.rawValue, type(of: family), labels, help(of: family))
    }

    static func type(of family: LedgerFamily) -> MetricType {
        switch family {
        case .duration: .histogram
        case .reconciliation: .gauge
        default: .counter
        }
    }

    private static func help(of family: LedgerFamily) -> String {
        switch family {
        case .cost: "USD charged, as the provider reports it."
        case .credits: "Charges that are not USD, as the provider reports them, by unit."
        case .requests: "Requests, as the provider counts them."
        case .outcomes: "Requests whose outcome is known, by outcome: success or failure."
        case .tokens: "Tokens by type: input, output or cache_input, disjoint."
        case .duration: "Durations that the provider reports per request, in seconds."
        case .keyCost: "USD charged by key; another view of genai_cost_usd_total, not an addition to it."
        case .keyCredits: "Charges that are not USD by key; another view of genai_credits_spent_total."
        case .modalityCost: "USD charged by modality; another view of genai_cost_usd_total, not an addition to it."
        case .modalityRequests: "Requests by modality; another view of genai_requests_total, not an addition to it."
        case .topups: "USD paid in; never part of the cost."
        case .refunds: "USD given back; never part of the cost."
        case .corrections: "USD that the provider took back after it was counted in genai_cost_usd_total."
        case .estimatedCost: "USD estimated from the prices in the config, where the provider reports no cost."
        case .useapiResponses: "useapi.net responses by bot, operation and HTTP status code."
        case .captchaAttempts: "useapi.net captcha attempts by captcha provider."
        case .captchaRetries: "useapi.net captcha retries."
        case .tierRequests: "useapi.net requests by Google plan: tier and SKU with their names."
        case .reconciliation:
            "The provider's total minus the sum of its parts, over the days kept: 0 where its figures agree."
        }
    }

    /// Spans of calendar days, exact, from the ledger; and those that a provider computes itself.
    static let windowEntries: [CatalogueEntry] = [
        CatalogueEntry(
            WindowFamily.cost, .gauge, accountLabels + ["key", "model", "window"],
            "USD charged in the window, in UTC days; exact, from the ledger."),
        CatalogueEntry(
            WindowFamily.requests, .gauge, accountLabels + ["key", "model", "window"],
            "Requests in the window; last_* windows are the provider's own."),
        CatalogueEntry(
            WindowFamily.tokens, .gauge, accountLabels + ["key", "model", "token_type", "window"],
            "Tokens in the window by type; last_* windows are the provider's own."),
        CatalogueEntry(
            WindowFamily.successRatio, .gauge, accountLabels + ["key", "model", "window"],
            "Successes among the requests of the window whose outcome is known, 0 to 1; absent where there are none."),
    ]
}

/// The names of the window gauges.
enum WindowFamily {
    static let cost = "genai_window_cost_usd"
    static let requests = "genai_window_requests"
    static let tokens = "genai_window_tokens"
    static let successRatio = "genai_window_success_ratio"

    /// The window gauge that shows what a ledger family summed up to.
    static func name(of family: LedgerFamily) -> String {
        switch family {
        case .requests: requests
        case .tokens: tokens
        case .outcomes: successRatio
        default: cost
        }
    }
}
