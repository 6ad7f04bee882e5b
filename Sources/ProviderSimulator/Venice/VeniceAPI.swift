import Hummingbird
import NIOConcurrencyHelpers
import UsageModel

/// An account at the simulated Venice.ai.
package struct VeniceAccount: Sendable {
    /// The name in tests and in the request log.
    package let name: String
    /// ADMIN key.
    package let adminToken: String
    /// Key without ADMIN permissions.
    package var inferenceToken: String?
    package let store: VeniceBillingStore
    /// Prepaid USD.
    package let balance: PrepaidBalance
    /// DIEM per day; nil if the account stakes none.
    package var diemAllocation: ExactDecimal?
    package var keys: [VeniceKey] = []
    /// Rate limits by model.
    package var limits: [VeniceModelLimit] = []
    /// USD that was earned.
    package var earnedCredits = ExactDecimal.zero
    /// Whether the provider accepts requests of the key that is used, `accessPermitted`.
    package var isAdmitted = true
    /// Whether `usage-analytics` lists models with their types, as since 2026.
    package var listsModelTypes = false
    /// Requests that were refused.
    package let refusals = VeniceRefusals()

    package init(name: String, adminToken: String, store: VeniceBillingStore, balance: PrepaidBalance) {
        self.name = name
        self.adminToken = adminToken
        self.store = store
        self.balance = balance
    }
}

/// Availability of the simulated billing endpoints.
package final class VeniceAvailability: Sendable {
    /// State of an endpoint.
    package enum State: Sendable, Hashable {
        case open
        /// Available, with headers that announce its end.
        case deprecated
        /// 410 with a pointer to its successor.
        case gone
        /// 404: not introduced yet, or never.
        case missing
    }

    private let states: NIOLockedValueBox<(usage: State, history: State)>

    /// Defaults to the state since September 2026: the older endpoint gone, its successor open.
    package init(usage: State = .gone, history: State = .open) {
        states = NIOLockedValueBox((usage, history))
    }

    /// `/api/v1/billing/usage`.
    package var usage: State {
        get { states.withLockedValue { $0.usage } }
        set { states.withLockedValue { $0.usage = newValue } }
    }

    /// `/api/v1/billing/usage-history`.
    package var history: State {
        get { states.withLockedValue { $0.history } }
        set { states.withLockedValue { $0.history = newValue } }
    }
}

/// The Venice.ai API: both billing endpoints, the analytics by key and model, the balance, rate limits, refused requests
/// and keys.
package struct VeniceAPI: SimulatedProvider {
    package let name = "venice"
    package let availability: VeniceAvailability
    /// Deviations from its documentation.
    package let misbehavior: VeniceMisbehavior

    private let accounts: [VeniceAccount]
    /// Appended to an account's name if the request carried its inference key.
    private static let inferenceMark = "/inference"

    package init(
        accounts: [VeniceAccount], availability: VeniceAvailability = VeniceAvailability(),
        misbehavior: VeniceMisbehavior = VeniceMisbehavior()
    ) {
        self.accounts = accounts
        self.availability = availability
        self.misbehavior = misbehavior
    }

    /// The name of the account whose key the token is, with the suffix `/inference` for an inference key.
    package func account(ofToken token: String) -> String? {
        for account in accounts {
            if account.adminToken == token { return account.name }
            if account.inferenceToken == token { return account.name + Self.inferenceMark }
        }
        return nil
    }

    /// The endpoint's response; 401 without a key that has access to it, 404 for any other path or method.
    package func answer(_ request: APIRequest, style: AnswerStyle) -> SimulatedResponse {
        // Gone with or without a valid key.
        if request.endpoint == VeniceBilling.usagePath, availability.usage == .gone { return VeniceBilling.gone }
        guard let asking = request.account,
            let account = accounts.first(where: { asking == $0.name || asking == $0.name + Self.inferenceMark })
        else { return error(401, "Authentication failed") }
        if let error = misbehavior.errorObject(at: request.endpoint) { return error }
        let figures = VeniceFigures(account: account, now: request.time, modes: misbehavior.modes)
        guard request.method == "GET" else { return error(404, "Not found") }
        if request.endpoint == "/api/v1/api_keys/rate_limits" { return figures.rateLimits }
        guard asking == account.name else { return error(401, "Admin API key required") }
        let billing = VeniceBilling(
            store: account.store, account: account.name, style: style, misbehavior: misbehavior)
        switch request.endpoint {
        case VeniceBilling.usagePath where availability.usage != .missing:
            return billing.usage(request.query, isDeprecated: availability.usage == .deprecated)
        case VeniceBilling.historyPath where availability.history != .missing:
            return billing.history(request.query)
        case "/api/v1/billing/usage-analytics": return figures.analytics(request.query)
        case "/api/v1/billing/balance": return figures.balance
        case "/api/v1/api_keys": return figures.keys
        case "/api/v1/api_keys/rate_limits/log": return figures.refusals
        default: return error(404, "Not found")
        }
    }

    /// `{"error": "…"}`.
    package func error(_ status: Int, _ message: String) -> SimulatedResponse {
        SimulatedResponse(status: status, body: ["error": .string(message)])
    }
}
