/// An error that says why a sync failed in the words of the metric catalogue.
package protocol ReasonedFailure: Error, Sendable {
    /// The reason, as `genai_syncs_total` counts it.
    var reason: FailureReason { get }
    /// What was wrong and what would be right, in plain words; never a secret, never a body.
    var message: String { get }
    /// Whether the failure lasts until the operator or the account's owner fixes its cause; others pass by themselves.
    var isLasting: Bool { get }
    /// How long the provider asked to wait before the next request; nil where it did not.
    var retryAfter: Duration? { get }
}

extension ReasonedFailure {
    /// As the reason says.
    package var isLasting: Bool { reason.isLasting }
    /// None.
    package var retryAfter: Duration? { nil }
}

/// Why a sync failed: the values of `result` in `genai_syncs_total` beside `success`.
package enum FailureReason: String, Sendable, Hashable, CaseIterable, Codable {
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
    package var isLasting: Bool {
        switch self {
        case .auth, .gone, .http4xx: true
        case .rateLimited, .timeout, .network, .http5xx, .decode, .storage: false
        }
    }
}

/// A part of what a source reads could not be read; the rest was committed.
///
/// It counts as a failure with its reason, but the next sync comes as early as after a success: one bad key of an
/// account must not make the data of the others old.
package struct PartialFailure: ReasonedFailure, CustomStringConvertible {
    /// Why the first part that failed did.
    package let reason: FailureReason
    /// Which part failed and why, in plain words; never a secret, never a body.
    package let message: String
    /// Whether the first part's failure lasts.
    package let isLasting: Bool
    /// How long the provider asked to wait, where the first part that failed met that.
    package let retryAfter: Duration?

    /// A failure of a part.
    package init(_ failure: any ReasonedFailure) {
        reason = failure.reason
        message = failure.message
        isLasting = failure.isLasting
        retryAfter = failure.retryAfter
    }

    /// The message.
    package var description: String { message }
}
