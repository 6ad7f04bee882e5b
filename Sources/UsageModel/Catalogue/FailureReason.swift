/// Why a sync failed: the values of `result` in `genai_syncs_total` beside `success`.
public enum FailureReason: String, Sendable, Hashable, CaseIterable, Codable {
    /// 401, 402 or 403: the key is missing, wrong, without the right scope, or the account is not paid.
    case auth
    /// 429, still after the retries.
    case rateLimited = "rate_limited"
    /// No answer within the time-outs.
    case timeout
    /// The connection could not be made or broke.
    case network
    /// Another 4xx, or a redirect that is not followed.
    case http4xx = "http_4xx"
    /// A 5xx, still after the retries.
    case http5xx = "http_5xx"
    /// The answer was not what the API documents.
    case decode
    /// Our own storage refused.
    case storage
    /// 410: the provider has closed this endpoint.
    case gone
}
