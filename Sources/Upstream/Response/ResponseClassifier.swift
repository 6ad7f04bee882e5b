import Foundation
import UsageModel

/// Classifies a response as usable, a redirect to follow, or a failure. A pure value.
struct ResponseClassifier: Sendable {
    let call: UpstreamCall
    let settings: UpstreamSettings
    let redaction: Redaction
    let keyInBody: KeyInBody

    /// The maximum number of redirects of one attempt.
    static let maximumRedirects = 3

    enum Classification {
        case answer(UpstreamResponse)
        case redirect(to: String)
        case failure(UpstreamFailure, RetryPolicy.Outcome)
    }

    /// Classifies a response.
    ///
    /// - Parameters:
    ///   - url: the response's URL, the base of a relative redirect.
    ///   - redirects: the number of redirects followed so far.
    ///   - now: the current time, for `Retry-After`.
    func classify(_ response: RawResponse, url: String, redirects: Int, now: Timestamp) -> Classification {
        switch response.status {
        case 200...299:
            guard !HTMLPage.isHTML(headers: response.headers, body: response.body) else {
                return .failure(failure(.decode, response, HTMLPage.hint), .conclusive)
            }
            return .answer(
                UpstreamResponse(
                    status: response.status, headers: response.headers, body: keyInBody.redacted(from: response.body),
                    request: redaction.applied(to: request)))
        case 300...399:
            return redirected(response, url: url, redirects: redirects)
        default:
            return failed(response, now: now)
        }
    }

    /// Creates a failure without a response.
    func failure(_ network: NetworkFailure) -> UpstreamFailure {
        UpstreamFailure(reason: network.reason, message: message(network.message))
    }

    private func redirected(_ response: RawResponse, url: String, redirects: Int) -> Classification {
        guard let location = response.headers.first(name: "Location"),
            let target = RedirectTarget(location: location, from: url)
        else {
            return .failure(
                failure(.http4xx, response, "HTTP \(response.status) without a usable Location"), .conclusive)
        }
        guard target.origin == settings.baseURL.origin else {
            return .failure(
                failure(
                    .http4xx, response,
                    "HTTP \(response.status) redirects to \(target.origin), which is not followed because the key must not "
                        + "be sent to another origin: set base_url to it if the API has moved there"), .conclusive)
        }
        guard call.method == .get else {
            return .failure(
                failure(.http4xx, response, "HTTP \(response.status) redirects a POST, which is not followed"),
                .conclusive)
        }
        guard redirects < Self.maximumRedirects else {
            return .failure(
                failure(.http4xx, response, "more than \(Self.maximumRedirects) redirects in sequence"),
                .conclusive)
        }
        return .redirect(to: target.url)
    }

    private func failed(_ response: RawResponse, now: Timestamp) -> Classification {
        let retryAfter = response.headers.first(name: "Retry-After").flatMap { RetryAfter($0, now: now) }
        let isHTML = HTMLPage.isHTML(headers: response.headers, body: response.body)
        let apiMessage = isHTML ? nil : ErrorBody.message(in: response.body, redaction: redaction)
        let meaning: StatusMeaning
        if [401, 403].contains(response.status), isHTML || HTMLPage.isChallenge(response.headers, body: response.body) {
            meaning = .interposed
        } else {
            meaning = call.meanings[response.status] ?? StatusMeaning(of: response.status, isHTML: isHTML)
        }
        var text = "HTTP \(response.status): \(meaning.text)"
        let base = settings.baseURL.path
        if response.status == 404, !base.isEmpty, call.path.hasPrefix(base + "/") {
            text += "; base_url ends in \(base), with which the path begins too: remove it there"
        }
        if let apiMessage { text += "; the API says: \(apiMessage)" }
        let failure = failure(
            meaning.reason, response, text, retryAfter: retryAfter?.wait(from: now), apiMessage: apiMessage,
            isLasting: meaning.isLasting)
        return .failure(failure, .status(response.status, retryAfter: retryAfter))
    }

    private func failure(
        _ reason: FailureReason, _ response: RawResponse, _ text: String, retryAfter: Duration? = nil,
        apiMessage: String? = nil, isLasting: Bool? = nil
    ) -> UpstreamFailure {
        UpstreamFailure(
            reason: reason, status: response.status, headers: response.headers.mapValues { redaction.applied(to: $0) },
            retryAfter: retryAfter, apiMessage: apiMessage, message: message(text), isLasting: isLasting)
    }

    private var request: String { "\(call.method.rawValue) \(settings.baseURL.path)\(call.path)" }

    /// Formats a message with method, URL without query, proxy and the given text, redacted.
    private func message(_ text: String) -> String {
        let proxy = settings.proxy.map { " through the proxy \($0)" } ?? ""
        return redaction.applied(
            to: "\(request) at \(settings.baseURL.origin)\(proxy): \(text)")
    }
}

/// The meaning of an HTTP status other than 2xx at an API.
package struct StatusMeaning: Sendable, Hashable {
    package let reason: FailureReason
    /// The problem and its fix; continues `HTTP 402: …`.
    package let text: String
    let isLasting: Bool

    /// Creates an API's own meaning of a status.
    package init(_ reason: FailureReason, _ text: String) {
        self.init(reason, text, isLasting: reason.isLasting)
    }

    private init(_ reason: FailureReason, _ text: String, isLasting: Bool) {
        self.reason = reason
        self.text = text
        self.isLasting = isLasting
    }

    /// A page of a firewall or proxy in front of the API. It is not caused by the key and is normally transient.
    static let interposed = StatusMeaning(
        .http4xx,
        "a web page of a firewall or bot check in front of the API, which did not receive the key; normally transient: "
            + "if it lasts, check base_url and whether this address is blocked",
        isLasting: false)

    /// Creates the standard meaning of a status.
    ///
    /// - Parameter isHTML: whether the body is a web page.
    init(of status: Int, isHTML: Bool) {
        let reason: FailureReason
        switch status {
        case 401, 402, 403: reason = .auth
        case 408: reason = .timeout
        case 410: reason = .gone
        case 429: reason = .rateLimited
        case 500...: reason = .http5xx
        default: reason = .http4xx
        }
        let hint = isHTML && (400...499).contains(status) ? "; \(HTMLPage.hint)" : ""
        self.init(reason, Self.text(of: status) + hint)
    }

    private static func text(of status: Int) -> String {
        switch status {
        case 401: "the API key is missing or wrong"
        case 402: "the account requires a payment"
        case 403: "the API key lacks permission to read this"
        case 404: "this path does not exist"
        case 408: "the API timed out waiting for the request"
        case 410: "the provider has closed this endpoint"
        case 429: "too many requests"
        case 500...599: "the API has an internal error"
        default: "the API rejected the request"
        }
    }
}

/// The target of a redirect.
struct RedirectTarget: Sendable, Hashable {
    /// The absolute URL, without fragment.
    let url: String
    /// Its scheme, host and port, in the form of `BaseURL.origin`.
    let origin: String

    /// The maximum length of a valid origin, which appears in messages: a DNS name has at most 253 characters.
    private static let longestOrigin = 270

    /// Resolves a `Location` against the response's URL; nil if the target is not an HTTP URL or has a user name.
    init?(location: String, from url: String) {
        guard let base = URL(string: url), let resolved = URL(string: location, relativeTo: base)?.absoluteURL,
            var parts = URLComponents(url: resolved, resolvingAgainstBaseURL: false)
        else { return nil }
        parts.fragment = nil
        let path = parts.percentEncodedPath
        let query = parts.percentEncodedQuery
        var root = parts
        root.percentEncodedPath = ""
        root.percentEncodedQuery = nil
        guard let rootText = root.string, let origin = try? BaseURL(rootText).origin,
            origin.utf8.count <= Self.longestOrigin
        else { return nil }
        self.origin = origin
        self.url = origin + (path.isEmpty ? "/" : path) + (query.map { "?" + $0 } ?? "")
    }
}
