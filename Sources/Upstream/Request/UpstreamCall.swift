import UsageModel

/// A request relative to an account's base URL.
///
/// Every call must be idempotent because it may be retried: a GET, or a POST that only reads (a query in a JSON body).
package struct UpstreamCall: Sendable {
    package enum Method: String, Sendable {
        case get = "GET"
        /// A query in the body.
        case post = "POST"
    }

    package let method: Method
    /// The path below the base URL, percent-encoded, with a leading `/`.
    package let path: String
    /// The encoded query, without `?`; empty if there is none.
    package let query: String
    /// A JSON document, sent as `application/json`; nil for none.
    package let jsonBody: [UInt8]?
    /// Whether the account's credential is sent.
    package let authenticated: Bool
    /// The header field that carries the credential.
    package private(set) var credentialField = CredentialField.bearer
    /// Header fields of this API besides those of every request, by name; never a secret.
    package private(set) var headers: [String: String] = [:]
    /// The maximum size of the response in bytes, after decompression.
    package let longestAnswer: Int
    /// Called before each HTTP request of the call, including retries and redirects; nil if no permit is required.
    package private(set) var permit: (@Sendable () async throws -> Void)?
    /// The maximum number of retries, regardless of the account's settings.
    var mostRetries: Int { permit == nil ? .max : 1 }
    /// Whether a request that timed out is sent again.
    private(set) var retriesTimeouts = true
    /// The API's own meanings of statuses, where they differ from the standard.
    package private(set) var meanings: [Int: StatusMeaning] = [:]
    /// Whether the source works without this call, so that the end of its endpoint is not the source's.
    package private(set) var isIncidental = false

    /// The default maximum response size: several times that of the largest valid response, but small because a decoder
    /// needs many times the size of a document.
    package static let ordinaryAnswer = 8 << 20

    /// Creates a call.
    ///
    /// - Parameters:
    ///   - method: the HTTP method.
    ///   - path: the path below the base URL; `/` separates segments, other characters are percent-encoded as needed.
    ///     Pass untrusted identifiers through ``segment(_:)`` first.
    ///   - query: names and values in order; both are strictly percent-encoded (RFC 3986).
    ///   - jsonBody: a JSON document to send.
    ///   - authenticated: whether the account's credential is sent.
    ///   - longestAnswer: the maximum response size in bytes; a larger response is a failure.
    package init(
        _ method: Method, _ path: String, query: [(name: String, value: String)] = [], jsonBody: [UInt8]? = nil,
        authenticated: Bool = true, longestAnswer: Int = ordinaryAnswer
    ) {
        self.method = method
        let encoded = PercentEncoding.path(path)
        self.path = encoded.hasPrefix("/") ? encoded : "/" + encoded
        self.query =
            query.map { PercentEncoding.strict($0.name) + "=" + PercentEncoding.strict($0.value) }
            .joined(separator: "&")
        self.jsonBody = jsonBody
        self.authenticated = authenticated
        self.longestAnswer = longestAnswer
    }

    /// Returns the same call with a permit required before each request, for endpoints with a request quota. The call is
    /// retried at most once, so that an outage does not use up the quota.
    ///
    /// - Parameter permit: throws to end the call: the call then throws this error before its first request, and later the
    ///   failure that it would have retried.
    package func permitted(by permit: @escaping @Sendable () async throws -> Void) -> UpstreamCall {
        var call = self
        call.permit = permit
        return call
    }

    /// Returns the same call with the API's own meanings of statuses.
    package func explained(by meanings: [Int: StatusMeaning]) -> UpstreamCall {
        var call = self
        call.meanings = meanings
        return call
    }

    /// Returns the same call with the credential in another header field, and with further header fields.
    ///
    /// - Parameter headers: values by name; they are not redacted anywhere, so none may be a secret.
    package func sending(_ headers: [String: String], credentialIn field: CredentialField) -> UpstreamCall {
        var call = self
        call.headers = headers
        call.credentialField = field
        return call
    }

    /// Returns the same call without retries after a timeout, for a query of which the source requests less then.
    package var splitAfterTimeout: UpstreamCall {
        var call = self
        call.retriesTimeouts = false
        return call
    }

    /// Returns the same call as one that the source works without.
    package var incidental: UpstreamCall {
        var call = self
        call.isIncidental = true
        return call
    }

    /// Encodes text as one path segment, including `/`, `?` and `%`.
    package static func segment(_ text: String) -> String { PercentEncoding.strict(text) }
}

/// The header field that carries a credential.
package enum CredentialField: Sendable, Hashable {
    /// `Authorization: Bearer <key>`.
    case bearer
    /// A field that consists of the key, such as `x-api-key`.
    case named(String)
}

/// The API of one account, used by sources.
package protocol UpstreamAPI: Sendable {
    /// Sends a call and returns its 2xx response.
    ///
    /// - Throws: `UpstreamFailure` if all attempts failed; `CancellationError` if the task was cancelled.
    func send(_ call: UpstreamCall) async throws -> UpstreamResponse

    /// Returns a keyed hash of the credential, to detect a rotated one; nil if there is no credential.
    ///
    /// - Throws: if the credential cannot be read.
    func credentialFingerprint() throws -> String?
}

extension UpstreamAPI {
    /// Returns nil: an API without a credential.
    package func credentialFingerprint() throws -> String? { nil }
}

/// Observes requests and responses for metrics.
package protocol UpstreamObserver: Sendable {
    /// Called after each HTTP request, including retries and redirects, except cancelled ones.
    ///
    /// - Parameters:
    ///   - code: the HTTP status; nil if there was no complete response.
    ///   - duration: the time from the request's start to the response's last byte, by the monotonic clock.
    func requestFinished(code: Int?, duration: Duration)

    /// Called before each retry.
    func retried()

    /// Called for each response.
    ///
    /// - Parameter now: the time of its arrival.
    func responded(to call: UpstreamCall, status: Int, headers: UpstreamHeaders, at now: Timestamp)
}
