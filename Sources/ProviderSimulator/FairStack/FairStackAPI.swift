import Hummingbird
import UsageModel

/// The FairStack API: `GET /v1/usage`, `/v1/usage/daily` and `/v1/usage/transactions` as documented on the page "Usage
/// API", `GET /v1/credits`, and as options (`FairStackForms`) `GET /v1/account` and `GET /v1/api-keys`.
package struct FairStackAPI: SimulatedProvider {
    package let name = "fairstack"

    private let accounts: [FairStackAccount]

    package init(accounts: [FairStackAccount]) {
        self.accounts = accounts
    }

    package func account(ofToken token: String) -> String? {
        accounts.first { $0.token == token }?.name
    }

    /// The documented response; 401 without a known key, 403 without the scope, 429 over the rate limit, 400 for a bad
    /// query.
    package func answer(_ request: APIRequest, style: AnswerStyle) -> SimulatedResponse {
        guard let account = accounts.first(where: { $0.name == request.account }) else {
            return error(401, "Invalid API key")
        }
        let allowance = account.rateLimit.map { (perMinute: $0.perMinute, left: $0.take(at: request.time)) }
        let response: SimulatedResponse
        if let allowance, allowance.left.remaining < 0 {
            response = error(429, "Too many requests", wrapped: account.wrapsBodies)
        } else {
            response = body(request, account, style)
        }
        guard let allowance else { return response }
        return response.limited(
            to: allowance.perMinute, remaining: allowance.left.remaining, reset: allowance.left.reset)
    }

    private func body(_ request: APIRequest, _ account: FairStackAccount, _ style: AnswerStyle) -> SimulatedResponse {
        let refuse = { (status: Int, message: String) in error(status, message, wrapped: account.wrapsBodies) }
        guard request.method == "GET" else { return refuse(404, "Not found") }
        guard account.scopes.contains("credits:read") else { return refuse(403, "Missing scope credits:read") }
        if let status = account.forms.refused[request.endpoint] { return refuse(status, "Not available") }
        if account.quirks.fails(request) { return SimulatedResponse(body: error(500, "Internal error").body) }
        let responses = FairStackResponses(account: account, style: style, now: request.time)
        let result: Result<JSONValue, FairStackResponses.Refusal>
        switch request.endpoint {
        case "/v1/usage": result = responses.usage(request.query)
        case "/v1/usage/daily": result = responses.daily(request.query)
        case "/v1/usage/transactions": result = responses.transactions(request.query)
        case "/v1/credits" where account.hasCredits: result = .success(responses.credits())
        case "/v1/account" where account.forms.hasAccount: result = .success(responses.details())
        case "/v1/api-keys" where account.forms.hasKeyList: result = .success(responses.keys())
        default: return refuse(404, "Not found")
        }
        switch result {
        case .failure(let refusal): return refuse(refusal.status, refusal.message)
        case .success(let body) where account.wrapsBodies:
            return SimulatedResponse(body: ["request_id": .string("req_\(request.time.milliseconds)"), "data": body])
        case .success(let body): return SimulatedResponse(body: body)
        }
    }

    /// `{"error": {"code": "http_400", "message": "…", "status": 400}}` under the same HTTP status.
    package func error(_ status: Int, _ message: String) -> SimulatedResponse { error(status, message, wrapped: false) }

    private func error(_ status: Int, _ message: String, wrapped: Bool) -> SimulatedResponse {
        let code = JSONValue.string("http_\(status)")
        let text = JSONValue.string(message)
        let body: JSONValue =
            wrapped
            ? ["request_id": "req_error", "error": ["type": code, "message": text]]
            : ["error": ["code": code, "message": text, "status": .count(status)]]
        return SimulatedResponse(status: status, body: body)
    }
}

extension SimulatedResponse {
    /// The same response with rate limit headers.
    fileprivate func limited(to limit: Int, remaining: Int, reset: Int) -> SimulatedResponse {
        var headers = headers
        func set(_ name: String, _ value: Int) {
            if let name = HTTPFields.Element.Name(name) { headers[name] = String(value) }
        }
        set("X-RateLimit-Limit", limit)
        set("X-RateLimit-Remaining", max(0, remaining))
        set("X-RateLimit-Reset", reset)
        if status == 429 { headers[.retryAfter] = String(max(1, reset)) }
        return SimulatedResponse(status: status, headers: headers, body: body)
    }
}

/// Ways in which the simulated FairStack deviates from its documentation; none unless set.
package struct FairStackQuirks: ErrorObjects, Sendable, Hashable {
    /// How far `GET /v1/usage/daily` lags behind `GET /v1/usage`.
    package var dailyLag = Duration.zero
    /// Whether `GET /v1/usage/daily` ends with yesterday.
    package var dailyOmitsToday = false
    /// How many of the oldest transactions are on the first page, as for jobs whose status changed late.
    package var oldTransactionsOnTop = 0
    /// The number of newer transactions that precede them.
    package var oldTransactionsOffset = 0
    /// Ids of keys that become unknown, with the time from which they are.
    package var unknownKeys: [String: Timestamp] = [:]
    /// The share of requests that get an error object with status 200, in percent.
    package var errorPercentage = 0
    /// Selects those requests.
    package var seed: UInt64 = 0

    package init() {}

    /// A mix of deviations, derived from the seed.
    package init(seed: UInt64) {
        self.seed = seed
        var random = SplitMix64(seed: SplitMix64.mixed(seed))
        dailyLag = [Duration.zero, .minutes(10), .hours(3), .days(1)][random.below(4)]
        dailyOmitsToday = random.below(2) == 0
        oldTransactionsOnTop = random.below(6)
        errorPercentage = random.below(3) * 5
        oldTransactionsOffset = [0, 40, 100][random.below(3)]
    }
}
