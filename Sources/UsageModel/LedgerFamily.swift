/// A metric family whose values come from the ledger: counters, and what is computed from them.
///
/// The raw value is the family's name on `/metrics`.
package enum LedgerFamily: String, Sendable, Hashable, CaseIterable {
    /// USD charged.
    case cost = "genai_cost_usd_total"
    /// Charges that are not USD.
    case credits = "genai_credits_spent_total"
    /// Requests as the provider counts them.
    case requests = "genai_requests_total"
    /// Requests whose outcome is known.
    case outcomes = "genai_request_outcomes_total"
    /// Tokens by disjoint type.
    case tokens = "genai_tokens_total"
    /// Request durations in seconds: a bucket (by `le`, not cumulative) or their sum (`le="sum"`).
    case duration = "genai_request_duration_seconds"
    /// USD by key.
    case keyCost = "genai_key_cost_usd_total"
    /// Charges that are not USD, by key.
    case keyCredits = "genai_key_credits_spent_total"
    /// USD by modality.
    case modalityCost = "genai_modality_cost_usd_total"
    /// Requests by modality.
    case modalityRequests = "genai_modality_requests_total"
    /// Money paid in.
    case topups = "genai_topups_usd_total"
    /// Money refunded.
    case refunds = "genai_refunds_usd_total"
    /// Decreases of cost after it was counted: maintained by the ledger itself, never part of a slice.
    case corrections = "genai_corrections_usd_total"
    /// Cost estimated from the prices in the configuration, where the provider reports none.
    case estimatedCost = "genai_estimated_cost_usd_total"
    /// useapi.net responses by status code.
    case useapiResponses = "genai_useapi_responses_total"
    /// useapi.net captcha attempts.
    case captchaAttempts = "genai_useapi_captcha_attempts_total"
    /// useapi.net captcha retries.
    case captchaRetries = "genai_useapi_captcha_retries_total"
    /// useapi.net requests by Google plan.
    case tierRequests = "genai_useapi_tier_requests_total"
    /// The provider's total minus the sum of its parts: a gauge over the retained days, the only family that may fall.
    case reconciliation = "genai_reconciliation_difference_usd"

    /// The label names after `provider` and `account`, in the order that `Cell.labels` follows.
    package var labelNames: [String] {
        switch self {
        case .cost, .requests, .estimatedCost: ["key", "model"]
        case .credits: ["key", "model", "unit"]
        case .outcomes: ["key", "model", "outcome"]
        case .tokens: ["key", "model", "token_type"]
        case .duration: ["model", "operation", "le"]
        case .keyCost: ["key"]
        case .keyCredits: ["key", "unit"]
        case .modalityCost, .modalityRequests: ["modality"]
        case .topups, .refunds, .corrections, .captchaRetries, .reconciliation: []
        case .useapiResponses: ["bot", "key", "operation", "code"]
        case .captchaAttempts: ["captcha_provider"]
        case .tierRequests: ["tier", "tier_name", "sku", "sku_name"]
        }
    }

    /// The upper bounds of the duration histogram's buckets, in seconds; `+Inf` follows.
    package static let durationBounds: [Double] = [0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600]

    /// The `le` of the cell that counts observations above every bound.
    package static let durationInfinity = "+Inf"

    /// Formats the `le` of a bucket's cell: its bound as Swift writes it (`0.25`, `1.0`).
    package static func durationBound(_ bound: Double) -> String { "\(bound)" }

    /// The `le` of every bucket's cell, in bucket order.
    package static let durationBuckets = durationBounds.map(durationBound) + [durationInfinity]

    /// The `le` of the cell that holds the sum of durations.
    package static let durationSum = "sum"
}
