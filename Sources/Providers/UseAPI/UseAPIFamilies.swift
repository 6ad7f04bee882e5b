import UsageModel

// The metric families that only useapi.net reports.
extension LedgerFamily {
    static let useapiResponses = LedgerFamily(
        "genai_useapi_responses_total", .count, ["bot", "key", "operation", "code"],
        "useapi.net responses by bot, operation and HTTP status code.")
    static let captchaAttempts = LedgerFamily(
        "genai_useapi_captcha_attempts_total", .count, ["captcha_provider"],
        "useapi.net captcha attempts by captcha provider.")
    static let captchaRetries = LedgerFamily(
        "genai_useapi_captcha_retries_total", .count, [], "useapi.net captcha retries.")
    static let tierRequests = LedgerFamily(
        "genai_useapi_tier_requests_total", .count, ["tier", "tier_name", "sku", "sku_name"],
        "useapi.net requests by Google plan: tier and SKU with their names.")
}

extension GaugeFamily {
    static let truncatedDays = GaugeFamily(
        "genai_useapi_truncated_lists", ["bot"], merging: .sum,
        "Days whose list of requests the provider truncated, by bot.")
}

extension UseAPI {
    package static let families = UsageFamilies(
        ledger: [.useapiResponses, .captchaAttempts, .captchaRetries, .tierRequests], gauges: [.truncatedDays])
}
