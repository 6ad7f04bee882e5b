import NIOConcurrencyHelpers
import UsageModel

/// A key of a project of a simulated organization.
package struct OpenAIProjectKey: Sendable, Hashable {
    package let id: String
    /// Nil for a key without a name.
    package var name: String?
    package var projectID = "proj_demo"
    package var ownerType = "user"
    package let created: Timestamp
    /// Whether it was deleted: it is no longer listed, but its usage is.
    package var isDeleted = false

    package init(id: String, name: String?, created: Timestamp) {
        self.id = id
        self.name = name
        self.created = created
    }
}

/// An organization at the simulated OpenAI.
package struct OpenAIAccount: Sendable {
    /// The name in tests and in the request log.
    package let name: String
    /// The admin key.
    package let token: String
    package let store: OpenAIStore
    package var projects = ["proj_demo"]
    package let keys: NIOLockedValueBox<[OpenAIProjectKey]>
    /// The monthly limit in USD cents; nil if the endpoint does not exist.
    package var spendLimitCents: Int?
    /// Requests and tokens in a minute, by model.
    package var rateLimits: [(model: String, requests: Int, tokens: Int)] = []
    /// How the API deviates from its documentation, or uses what it allows.
    package let forms = NIOLockedValueBox(OpenAIForms())

    package init(name: String, token: String, store: OpenAIStore, keys: [OpenAIProjectKey] = []) {
        self.name = name
        self.token = token
        self.store = store
        self.keys = NIOLockedValueBox(keys)
    }
}

/// The forms of a simulated OpenAI's responses.
package struct OpenAIForms: Sendable {
    /// Whether amounts are text, as in responses since May 2026; else they are numbers, as documented.
    package var writesAmountsAsText = true
    /// Whether rows of a bucket are called `result`, as in the first documentation.
    package var writesResult = false
    /// The maximum number of buckets in a page, overriding the requested one; nil for no cap.
    package var mostBuckets: Int?
    /// The maximum number of entries in a page of other lists.
    package var mostEntries = 100
    /// Paths that respond with an error, by their status.
    package var failures: [String: Int] = [:]
    /// Days that are not listed.
    package var hiddenDays: Set<UTCDay> = []
    /// Days that are listed without rows.
    package var emptyDays: Set<UTCDay> = []
    /// Whether days without rows are not listed.
    package var omitsIdleDays = false
    /// How much later rows by dimensions include usage than the total does.
    package var rowsLag = Duration.zero
    /// The part of a day's total that no row has, in USD.
    package var unlisted: [UTCDay: ExactDecimal] = [:]
    /// Whether pages that are not the last have no cursor.
    package var omitsCursor = false
    /// Whether each page has the same cursor.
    package var repeatsCursor = false
    /// Whether the rows of each bucket are listed twice.
    package var repeatsRows = false
    package var currency = "usd"
    /// Whether the spend limit refuses requests now.
    package var isEnforcing = false
    /// Usage is added after each response to `costs`: what arrives between two queries.
    package var arrivals: [OpenAIUse] = []

    package init() {}
}

/// OpenAI's administration API: costs, usage, projects and their keys, spend limit and rate limits.
package struct OpenAIAPI: SimulatedProvider {
    package let name = "openai"
    private let accounts: [OpenAIAccount]

    package init(accounts: [OpenAIAccount]) {
        self.accounts = accounts
    }

    package func account(ofToken token: String) -> String? {
        accounts.first { $0.token == token }?.name
    }

    /// The documented response; 401 without an admin key, 404 for any other path or method.
    package func answer(_ request: APIRequest, style: AnswerStyle) -> SimulatedResponse {
        guard let account = accounts.first(where: { $0.name == request.account }) else {
            return error(401, "Incorrect API key provided")
        }
        let root = "/v1/organization/"
        guard request.method == "GET", request.endpoint.hasPrefix(root) else { return error(404, "Unknown URL") }
        let forms = account.forms.withLockedValue { $0 }
        let path = String(request.endpoint.dropFirst(root.count))
        if let status = forms.failures[path] { return error(status, "simulated failure") }
        let parts = path.split(separator: "/").map(String.init)
        let lists = OpenAILists(account: account, forms: forms, style: style, now: request.time)
        let body: JSONValue?
        switch (parts.first, parts.count) {
        case ("costs", 1): body = lists.buckets(request.query, longest: 180) { lists.costs($0, $1) }
        case ("usage", 2) where OpenAILists.usageEndpoints.contains(parts[1]):
            body = lists.buckets(request.query, longest: 31) { lists.usage(of: parts[1], $0, $1) }
        case ("projects", 1): body = lists.projects(request.query)
        case ("spend_limit", 1): body = lists.spendLimit
        case ("projects", 3) where !account.projects.contains(parts[1]): body = nil
        case ("projects", 3) where parts[2] == "api_keys": body = lists.keys(of: parts[1], request.query)
        case ("projects", 3) where parts[2] == "spend_limit": body = lists.spendLimit
        case ("projects", 3) where parts[2] == "rate_limits": body = lists.rateLimits(request.query)
        default: body = nil
        }
        if path == "costs" {
            account.forms.withLockedValue { forms in
                if !forms.arrivals.isEmpty { account.store.add(forms.arrivals.removeFirst()) }
            }
        }
        guard let body else { return error(404, "Not found") }
        if body == .null { return error(400, "Invalid parameter") }
        return SimulatedResponse(body: body)
    }

    /// `{"error": {"message": "…", "type": "invalid_request_error", "param": null, "code": null}}`.
    package func error(_ status: Int, _ message: String) -> SimulatedResponse {
        SimulatedResponse(
            status: status,
            body: [
                "error": [
                    "message": .string(message), "type": "invalid_request_error", "param": .null, "code": .null,
                ]
            ])
    }
}
