import Foundation
import UsageModel

/// Decides what an answer is: usable, a redirect to follow, or a failure in plain words. A pure value.
struct ResponseClassifier: Sendable {
    let call: UpstreamCall
    let settings: UpstreamSettings
    let redaction: Redaction

    /// The most redirects that one attempt follows.
    static let maximumRedirects = 3

    enum Classification {
        case answer(UpstreamResponse)
        case redirect(to: String)
        case failure(UpstreamFailure, RetryPolicy.Outcome)
    }

    /// Decides.
    ///
    /// - Parameters:
    ///   - answer: the answer as it came.
    ///   - url: where it came from: a relative redirect counts from there.
    ///   - redirects: how many redirects led there.
    ///   - now: the present moment, for `Retry-After`.
    func classify(_ answer: RawResponse, url: String, redirects: Int, now: Timestamp) -> Classification {
        switch answer.status {
        case 200...299:
            guard !HTMLPage.isHTML(headers: answer.headers, body: answer.body) else {
                return .failure(failure(.decode, answer, HTMLPage.hint), .conclusive)
            }
            return .answer(UpstreamResponse(status: answer.status, headers: answer.headers, body: answer.body))
        case 300...399:
            return redirected(answer, url: url, redirects: redirects)
        default:
            return failed(answer, now: now)
        }
    }

    /// A failure without an answer, in the caller's words.
    func failure(_ network: NetworkFailure) -> UpstreamFailure {
        UpstreamFailure(reason: network.reason, message: message(network.message))
    }

    private func redirected(_ answer: RawResponse, url: String, redirects: Int) -> Classification {
        guard let location = answer.headers.first(name: "Location"),
            let target = RedirectTarget(location: location, from: url)
        else {
            return .failure(
                failure(.http4xx, answer, "HTTP \(answer.status) without a usable Location"), .conclusive)
        }
        guard target.origin == settings.baseURL.origin else {
            return .failure(
                failure(
                    .http4xx, answer,
                    "HTTP \(answer.status) redirects to \(target.origin), which is not followed, since the key must "
                        + "not go elsewhere: set base_url to it if that is the API's new address"), .conclusive)
        }
        guard call.method == .get else {
            return .failure(
                failure(.http4xx, answer, "HTTP \(answer.status) redirects a POST, which is not followed"), .conclusive)
        }
        guard redirects < Self.maximumRedirects else {
            return .failure(
                failure(.http4xx, answer, "more than \(Self.maximumRedirects) redirects, one after the other"),
                .conclusive)
        }
        return .redirect(to: target.url)
    }

    private func failed(_ answer: RawResponse, now: Timestamp) -> Classification {
        let retryAfter = answer.headers.first(name: "Retry-After").flatMap { RetryAfter($0, now: now) }
        let isHTML = HTMLPage.isHTML(headers: answer.headers, body: answer.body)
        let apiMessage = isHTML ? nil : ErrorBody.message(in: answer.body, redaction: redaction)
        let meaning: StatusMeaning
        if [401, 403].contains(answer.status), isHTML || HTMLPage.isChallenge(answer.headers, body: answer.body) {
            meaning = .interposed
        } else {
            meaning = call.meanings[answer.status] ?? StatusMeaning(of: answer.status, isHTML: isHTML)
        }
        var text = "HTTP \(answer.status): \(meaning.text)"
        if let apiMessage { text += "; the API says: \(apiMessage)" }
        let failure = failure(
            meaning.reason, answer, text, retryAfter: retryAfter?.wait(from: now), apiMessage: apiMessage,
            isLasting: meaning.isLasting)
        return .failure(failure, .status(answer.status, retryAfter: retryAfter))
    }

    private func failure(
        _ reason: FailureReason, _ answer: RawResponse, _ text: String, retryAfter: Duration? = nil,
        apiMessage: String? = nil, isLasting: Bool? = nil
    ) -> UpstreamFailure {
        UpstreamFailure(
            reason: reason, status: answer.status, headers: answer.headers.mapValues { redaction.applied(to: $0) },
            retryAfter: retryAfter, apiMessage: apiMessage, message: message(text), isLasting: isLasting)
    }

    /// What was asked of whom, and what came of it; never the query.
    private func message(_ text: String) -> String {
        let proxy = settings.proxy.map { " through the proxy \($0)" } ?? ""
        return redaction.applied(
            to: "\(call.method.rawValue) \(settings.baseURL.path)\(call.path) at \(settings.baseURL.origin)\(proxy): "
                + text)
    }
}

/// What an HTTP status other than 2xx means at an API.
package struct StatusMeaning: Sendable, Hashable {
    /// The reason, as `genai_syncs_total` counts it.
    package let reason: FailureReason
    /// What was wrong and what would be right: continues `HTTP 402: …`.
    package let text: String
    let isLasting: Bool

    /// A meaning that one API gives a status.
    package init(_ reason: FailureReason, _ text: String) {
        self.init(reason, text, isLasting: reason.isLasting)
    }

    private init(_ reason: FailureReason, _ text: String, isLasting: Bool) {
        self.reason = reason
        self.text = text
        self.isLasting = isLasting
    }

    /// A page of something in front of the API: it says nothing about the key and normally passes by itself.
    static let interposed = StatusMeaning(
        .http4xx,
        "a web page of a firewall or bot check in front of the API, which never saw the key; it normally passes: "
            + "if not, is base_url right, and is this address blocked?",
        isLasting: false)

    /// The standard meaning of a status.
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
        case 402: "the account has to be paid for first"
        case 403: "the API key lacks the right to read this"
        case 404: "there is nothing at this path"
        case 408: "the API timed out waiting for the request"
        case 410: "the provider has closed this endpoint"
        case 429: "too many requests"
        case 500...599: "the API has a problem of its own"
        default: "the API refuses the request"
        }
    }
}

/// Where a redirect leads.
struct RedirectTarget: Sendable, Hashable {
    /// The absolute URL, without fragment.
    let url: String
    /// Its scheme, host and port, in the form of `BaseURL.origin`.
    let origin: String

    /// The longest origin that is one: a DNS name has at most 253 characters. It is shown in messages.
    private static let longestOrigin = 270

    /// Resolves a `Location` against the URL that gave it; nil where it leads to no HTTP URL, or holds a user name.
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
