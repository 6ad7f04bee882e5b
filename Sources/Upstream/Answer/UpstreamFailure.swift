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
    /// Whether the failure lasts until its cause is fixed; see ``ReasonedFailure/isLasting``.
    public let isLasting: Bool

    /// A failure; `isLasting` as its reason says where it is not given.
    public init(
        reason: FailureReason, status: Int? = nil, headers: UpstreamHeaders? = nil, retryAfter: Duration? = nil,
        apiMessage: String? = nil, message: String, isLasting: Bool? = nil
    ) {
        self.reason = reason
        self.status = status
        self.headers = headers
        self.retryAfter = retryAfter
        self.apiMessage = apiMessage
        self.message = message
        self.isLasting = isLasting ?? reason.isLasting
    }

    /// The same failure with other words.
    public func rephrased(_ message: String) -> UpstreamFailure {
        UpstreamFailure(
            reason: reason, status: status, headers: headers, retryAfter: retryAfter, apiMessage: apiMessage,
            message: message, isLasting: isLasting)
    }

    /// The message.
    public var description: String { message }
}
