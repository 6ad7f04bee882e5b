import UsageModel

/// What an HTTP status other than 2xx means at an API.
public struct StatusMeaning: Sendable, Hashable {
    /// The reason, as `genai_syncs_total` counts it.
    public let reason: FailureReason
    /// What was wrong and what would be right: continues `HTTP 402: …`.
    public let text: String
    let isLasting: Bool

    /// A meaning that one API gives a status.
    public init(_ reason: FailureReason, _ text: String) {
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
