/// An error with the reason of a failed sync, as exported in `genai_syncs_total`.
package protocol ReasonedFailure: Error, Sendable {
    var reason: FailureReason { get }
    /// The problem and its fix, for the operator; never contains a secret or a body.
    var message: String { get }
    /// Whether the failure lasts until the operator or the account's owner fixes its cause; others are transient.
    var isLasting: Bool { get }
    /// The provider's `Retry-After`; nil if there was none.
    var retryAfter: Duration? { get }
}

extension ReasonedFailure {
    package var isLasting: Bool { reason.isLasting }
    package var retryAfter: Duration? { nil }
}

/// The reason of a failed sync: the values of `result` in `genai_syncs_total` besides `success`.
package enum FailureReason: String, Sendable, Hashable, CaseIterable, Codable {
    /// 401, 402 or 403 from the API itself: the key is missing, wrong or lacks the scope, or the account, a linked account
    /// or its session needs the owner's attention (402, and 412 and 596 of useapi.net).
    case auth
    /// 429, after all retries.
    case rateLimited = "rate_limited"
    /// No response within the timeouts.
    case timeout
    /// The connection failed or was closed.
    case network
    /// Another 4xx, a redirect that is not followed, or a 401 or 403 page of a firewall in front of the API.
    case http4xx = "http_4xx"
    /// A 5xx, after all retries.
    case http5xx = "http_5xx"
    /// The response does not match the API's documentation.
    case decode
    /// The exporter's own storage failed.
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

/// A failure of a part of a sync; the rest was committed.
///
/// The sync counts as failed, but the next one follows as early as after a success, so that one bad key of an account
/// does not delay the data of the others.
package struct PartialFailure: ReasonedFailure, CustomStringConvertible {
    package let reason: FailureReason
    /// The part that failed and its failure, for the operator; never contains a secret or a body.
    package let message: String
    package let isLasting: Bool
    package let retryAfter: Duration?

    /// Creates a failure from that of the first part that failed.
    package init(_ failure: any ReasonedFailure) {
        reason = failure.reason
        message = failure.message
        isLasting = failure.isLasting
        retryAfter = failure.retryAfter
    }

    package var description: String { message }
}

/// A failure to read a source.
package struct SourceFailure: ReasonedFailure, CustomStringConvertible {
    package let reason: FailureReason
    /// The problem and its fix, for the operator; never contains a secret or a body.
    package let message: String

    package init(_ reason: FailureReason, _ message: String) {
        self.reason = reason
        self.message = message
    }

    package var description: String { message }
}
