import Hummingbird
import UsageModel

/// The CheapestInference API: `GET /v1/usage`, `/api/usage`, `/api/usage/:keyId` and `/api/plans` as documented on the
/// page "Usage"; `/api/keys`, `/api/billing/status` and `/api/billing/credits` as documented on "API Keys", "Billing &
/// Subscriptions" and "Credits & Top-ups", in both published versions.
package struct CheapestInferenceAPI: SimulatedProvider {
    package let name = "cheapestinference"

    private let accounts: [CheapestInferenceAccount]
    private let wrapsUsage: Bool
    private let management: Management?
    /// How the API deviates from its documentation.
    package var quirks = CheapestInferenceQuirks()

    /// - Parameters:
    ///   - wrapsUsage: whether `/v1/usage` responds inside `{"success", "data"}` too.
    ///   - management: the form of keys, billing status and credits; nil if these endpoints do not exist.
    package init(
        accounts: [CheapestInferenceAccount], wrapsUsage: Bool = false, management: Management? = .newer
    ) {
        self.accounts = accounts
        self.wrapsUsage = wrapsUsage
        self.management = management
    }

    /// The published versions of the endpoints for keys and billing.
    package enum Management: Sendable, Hashable, CaseIterable {
        /// Bare bodies, amounts as text, flat plans, no secrets.
        case older
        /// Bodies in an envelope, amounts as numbers, pools, and each key's secret.
        case newer
    }

    /// The account's name for a management key, `account/key id` for a consumption key.
    package func account(ofToken token: String) -> String? {
        for account in accounts {
            if account.managementToken == token { return account.name }
            if let key = account.keys.first(where: { $0.properties.token == token }) {
                return account.name + "/" + key.properties.id
            }
        }
        return nil
    }

    /// The documented response; 401 for a missing key or one of the wrong kind, 403 for a deactivated one, 404 for an
    /// unknown key id or path, 429 past 12 usage requests in 12 hours.
    package func answer(_ request: APIRequest, style: AnswerStyle) -> SimulatedResponse {
        guard request.method == "GET" else { return error(404, "Not found") }
        if quirks.fails(request) { return SimulatedResponse(body: error(500, "Internal error").body) }
        let forms = CheapestInferenceForms(style)
        switch request.endpoint {
        case "/v1/usage": return usage(request, forms)
        case "/api/plans": return SimulatedResponse(body: quirks.omitsPlans ? .array([]) : CheapestInferenceForms.plans)
        default: break
        }
        guard request.endpoint.hasPrefix("/api/") else { return error(404, "Not found") }
        guard let account = accounts.first(where: { $0.name == request.account }) else {
            return error(401, "Unauthorized")
        }
        if let management, let body = forms.management(management, request.endpoint, account, at: request.time) {
            return management == .older ? SimulatedResponse(body: body) : success(body)
        }
        guard request.endpoint == "/api/usage" || request.endpoint.hasPrefix("/api/usage/") else {
            return error(404, "Not found")
        }
        if let wait = account.takePlace(at: request.time) {
            let refusal = error(429, "Rate limit exceeded: 12 requests per 12 hours")
            return SimulatedResponse(status: 429, headers: [.retryAfter: "\(wait)"], body: refusal.body)
        }
        guard request.endpoint != "/api/usage" else { return success(.array(account.keys.map(forms.item))) }
        let id = request.endpoint.dropFirst("/api/usage/".count)
        guard let key = account.keys.first(where: { $0.properties.id == id }) else {
            return error(404, "Key not found")
        }
        return success(forms.item(key))
    }

    /// `{"success": false, "error": "…"}`; the documentation lists the statuses and no body.
    package func error(_ status: Int, _ message: String) -> SimulatedResponse {
        SimulatedResponse(status: status, body: ["success": .bool(false), "error": .string(message)])
    }

    private func success(_ data: JSONValue) -> SimulatedResponse {
        SimulatedResponse(body: ["success": .bool(true), "data": data])
    }

    private func usage(_ request: APIRequest, _ forms: CheapestInferenceForms) -> SimulatedResponse {
        for account in accounts {
            for key in account.keys where account.name + "/" + key.properties.id == request.account {
                guard key.isActive else { return error(403, "API key is deactivated") }
                let usage = forms.usage(of: key, in: account, quirks.dip(at: request), quirks.reset(at: request))
                return wrapsUsage ? success(usage) : SimulatedResponse(body: usage)
            }
        }
        return error(401, "Invalid API key")
    }
}

/// Ways in which the simulated CheapestInference deviates from its documentation; none unless set.
package struct CheapestInferenceQuirks: ErrorObjects, Sendable, Hashable {
    /// The most, in millionths of a dollar, by which `spent` may fall behind an earlier response.
    package var largestDip = 0
    /// The share of responses whose `spent` falls behind, in percent.
    package var dipPercentage = 0
    /// Whether `budget.resets_at` is null.
    package var omitsResets = false
    /// The share of responses whose `budget.resets_at` is empty text, in percent.
    package var emptyResetPercentage = 0
    /// Whether the price list is empty.
    package var omitsPlans = false
    /// The share of requests that get an error object with status 200, in percent.
    package var errorPercentage = 0
    /// Selects those requests.
    package var seed: UInt64 = 0

    package init() {}

    /// A mix of deviations, derived from the seed.
    package init(seed: UInt64) {
        self.seed = seed
        var random = SplitMix64(seed: SplitMix64.mixed(seed))
        largestDip = [1, 9_999][random.below(2)]
        dipPercentage = random.below(3) * 20
        omitsResets = random.below(2) == 0
        errorPercentage = random.below(3) * 5
        omitsPlans = random.below(2) == 0
        emptyResetPercentage = random.below(3) * 50
    }

    /// The form of `budget.resets_at`.
    func reset(at request: APIRequest) -> CheapestInferenceForms.Reset {
        if omitsResets { return .null }
        return request.isDrawn(percentage: emptyResetPercentage, seed: seed &+ 2) ? .emptyText : .time
    }

    /// How far the reported `spent` is below the actual amount, in USD.
    func dip(at request: APIRequest) -> ExactDecimal {
        guard largestDip > 0, request.isDrawn(percentage: dipPercentage, seed: seed &+ 1) else { return .zero }
        var random = SplitMix64(seed: UInt64(bitPattern: request.time.milliseconds))
        return ExactDecimal(micros: 1 + random.below(largestDip))
    }
}
