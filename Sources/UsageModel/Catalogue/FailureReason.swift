/// Why a sync failed: the values of `result` in `genai_syncs_total` beside `success`.
public enum FailureReason: String, Sendable, Hashable, CaseIterable, Codable {
    /// 401, 402 or 403 from the API itself: the key is missing, wrong, without the right scope, or the account, a linked
    /// account or its session needs the owner's attention (402, and 412 and 596 of useapi.net).
    case auth
    /// 429, still after the retries.
    case rateLimited = "rate_limited"
    /// No answer within the time-outs.
    case timeout
    /// The connection could not be made or broke.
    case network
    /// Another 4xx, a redirect that is not followed, or a 401 or 403 page of a firewall in front of the API.
    case http4xx = "http_4xx"
    /// A 5xx, still after the retries.
    case http5xx = "http_5xx"
    /// The answer was not what the API documents.
    case decode
    /// Our own storage refused.
    case storage
    /// 410: the provider has closed this endpoint.
    case gone

    /// Whether failures of this reason normally last until the operator or the account's owner fixes their cause.
    public var isLasting: Bool {
        switch self {
        case .auth, .gone, .http4xx: true
        case .rateLimited, .timeout, .network, .http5xx, .decode, .storage: false
        }
    }
}
