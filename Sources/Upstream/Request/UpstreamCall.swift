import UsageModel

/// A request relative to an account's base URL.
///
/// Every call must be safe to send twice: a GET, or a POST that only reads (a query in a JSON body). Retries count
/// on it.
package struct UpstreamCall: Sendable {
    /// The HTTP method.
    package enum Method: String, Sendable {
        /// Reads a resource.
        case get = "GET"
        /// Reads by a query in the body.
        case post = "POST"
    }

    /// The HTTP method.
    package let method: Method
    /// The path below the base URL, percent-encoded, with a leading `/`.
    package let path: String
    /// The query as it goes over the wire, without `?`; empty where there is none.
    package let query: String
    /// A JSON document, sent as `application/json`; nil for none.
    package let jsonBody: [UInt8]?
    /// Whether the account's credential goes with it.
    package let authenticated: Bool
    /// The longest answer that is read, in bytes after decompression.
    package let longestAnswer: Int
    /// Asked before each request that the call makes over the wire, repeats and redirects included; nil where nobody
    /// has to be asked.
    package private(set) var permit: (@Sendable () async throws -> Void)?
    /// How often the call is sent again at most, whatever the account's settings allow.
    var mostRetries: Int { permit == nil ? .max : 1 }
    /// What this API means by a status, where that is not the standard meaning.
    package private(set) var meanings: [Int: StatusMeaning] = [:]

    /// What an answer may have unless its call says otherwise: several times the longest that is honest, and little
    /// enough that a decoder, which needs many times a document's size, stays small.
    package static let ordinaryAnswer = 8 << 20

    /// A call.
    ///
    /// - Parameters:
    ///   - method: the HTTP method.
    ///   - path: the path below the base URL; `/` separates segments, and what a segment may not hold is
    ///     percent-encoded. An identifier from outside goes through ``segment(_:)`` first.
    ///   - query: names and values, in the order they are sent; both are strictly percent-encoded (RFC 3986).
    ///   - jsonBody: a JSON document to send.
    ///   - authenticated: whether the account's credential goes with it.
    ///   - longestAnswer: the longest answer that is read, in bytes; what is longer is a failure.
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

    /// The same call, whose every request waits for a permit first: an endpoint that limits its readers is asked no
    /// more often than the book of its requests allows. The call is sent again once at most, so that an outage does not
    /// use the allowance up.
    ///
    /// - Parameter permit: what it throws ends the call: before the first request the call throws that, later the
    ///   failure that the call would have been repeated for.
    package func permitted(by permit: @escaping @Sendable () async throws -> Void) -> UpstreamCall {
        var call = self
        call.permit = permit
        return call
    }

    /// The same call to an API that gives some statuses a meaning of its own.
    package func explained(by meanings: [Int: StatusMeaning]) -> UpstreamCall {
        var call = self
        call.meanings = meanings
        return call
    }

    /// A text as one path segment: `/`, `?`, `%` and the like inside it are encoded.
    package static func segment(_ text: String) -> String { PercentEncoding.strict(text) }
}

/// What sources call: an account's API.
package protocol UpstreamAPI: Sendable {
    /// Sends a call and gives its 2xx answer.
    ///
    /// - Throws: `UpstreamFailure` where no such answer came, after the retries; `CancellationError` where the task was
    ///   cancelled.
    func send(_ call: UpstreamCall) async throws -> UpstreamResponse

    /// A keyed hash of the credential that calls are made with, by which a rotated credential is noticed; nil where
    /// there is no credential.
    ///
    /// - Throws: where the credential cannot be read.
    func credentialFingerprint() throws -> String?
}

extension UpstreamAPI {
    /// An API without a credential.
    package func credentialFingerprint() throws -> String? { nil }
}

/// Counts what goes over the wire.
package protocol UpstreamObserver: Sendable {
    /// One HTTP request has ended: each attempt and each followed redirect is one. Cancelled ones are not reported.
    ///
    /// - Parameters:
    ///   - code: the HTTP status; nil where no whole answer came.
    ///   - duration: from the request's start to the answer's last byte, in steady time.
    func requestFinished(code: Int?, duration: Duration)

    /// A call is about to be sent again.
    func retried()

    /// A response came.
    ///
    /// - Parameters:
    ///   - date: its `Date` field; nil where it has none that can be read.
    ///   - now: the clock when it came.
    func responded(date: Timestamp?, at now: Timestamp)
}
