import UsageModel

/// A call that got no usable answer, after the retries.
public struct UpstreamFailure: ReasonedFailure, CustomStringConvertible {
    /// The reason, as `genai_syncs_total` counts it.
    public let reason: FailureReason
    /// The answer's HTTP status; nil where there was no answer.
    public let status: Int?
    /// The answer's header fields, secrets taken out; nil where there was no answer.
    public let headers: UpstreamHeaders?
    /// How long the API asked to wait (`Retry-After`), counted from the failure; nil where it said nothing.
    public let retryAfter: Duration?
    /// What the API itself said, at most 200 characters, secrets taken out; nil where it said nothing readable.
    public let apiMessage: String?
    /// What was wrong and what to check, in plain words; never a secret, never a body.
    public let message: String

    /// A failure.
    public init(
        reason: FailureReason, status: Int? = nil, headers: UpstreamHeaders? = nil, retryAfter: Duration? = nil,
        apiMessage: String? = nil, message: String
    ) {
        self.reason = reason
        self.status = status
        self.headers = headers
        self.retryAfter = retryAfter
        self.apiMessage = apiMessage
        self.message = message
    }

    /// The message.
    public var description: String { message }
}

extension FailureReason {
    /// The reason that an HTTP status other than 2xx stands for.
    init(status: Int) {
        switch status {
        case 401, 402, 403: self = .auth
        case 408: self = .timeout
        case 410: self = .gone
        case 429: self = .rateLimited
        case 500...: self = .http5xx
        default: self = .http4xx
        }
    }
}
