/// A metric family that a source measures at each sync: balances, budgets, limits, plans, keys, models.
///
/// The raw value is the family's name on `/metrics`.
package enum GaugeFamily: String, Sendable, Hashable, CaseIterable, Codable {
    case balanceUSD = "genai_balance_usd"
    case balanceCredits = "genai_balance_credits"
    case budgetLimit = "genai_budget_limit_usd"
    case budgetSpent = "genai_budget_spent_usd"
    case budgetReset = "genai_budget_reset_timestamp_seconds"
    case budgetPeriod = "genai_budget_period_seconds"
    case rateLimitRequestsPerMinute = "genai_rate_limit_requests_per_minute"
    case rateLimitTokensPerMinute = "genai_rate_limit_tokens_per_minute"
    case rateLimitRequestsPerDay = "genai_rate_limit_requests_per_day"
    case planInfo = "genai_plan_info"
    case planExpiry = "genai_plan_expiry_timestamp_seconds"
    case planPrice = "genai_plan_price_usd"
    case planRequestsPerMinute = "genai_plan_rate_limit_requests_per_minute"
    case planTokensPerMinute = "genai_plan_rate_limit_tokens_per_minute"
    case keyInfo = "genai_key_info"
    case keyActive = "genai_key_active"
    case keyCreated = "genai_key_created_timestamp_seconds"
    case keyLastUsed = "genai_key_last_used_timestamp_seconds"
    case keyExpiry = "genai_key_expiry_timestamp_seconds"
    case modelInfo = "genai_model_info"
    case modelUnitPrice = "genai_model_unit_price_usd"
    case modelLastUsed = "genai_model_last_used_timestamp_seconds"
    case upstreamAccounts = "genai_upstream_accounts"
    /// Requests that were accepted and have neither succeeded nor failed yet.
    case pendingRequests = "genai_pending_requests"
    /// Windows that the provider computes itself (`last_1h` …). Calendar windows are computed from the ledger.
    case windowRequests = "genai_window_requests"
    case windowTokens = "genai_window_tokens"

    /// The label names after `provider` and `account`, in the order that `GaugeSample.labels` follows.
    package var labelNames: [String] {
        switch self {
        case .balanceUSD: []
        case .balanceCredits: ["unit"]
        case .budgetLimit, .budgetSpent, .budgetReset, .budgetPeriod: ["key", "scope"]
        case .rateLimitRequestsPerMinute, .rateLimitTokensPerMinute, .rateLimitRequestsPerDay: ["key", "model"]
        case .planInfo: ["key", "plan", "status"]
        case .planExpiry: ["key"]
        case .planPrice, .planRequestsPerMinute, .planTokensPerMinute: ["plan"]
        case .keyInfo: ["key", "key_id", "key_type"]
        case .keyActive, .keyCreated, .keyLastUsed, .keyExpiry: ["key"]
        case .modelInfo: ["model", "modality"]
        case .modelUnitPrice, .modelLastUsed, .pendingRequests: ["model"]
        case .upstreamAccounts: ["upstream_service", "state"]
        case .windowRequests: ["key", "model", "window"]
        case .windowTokens: ["key", "model", "token_type", "window"]
        }
    }
}
