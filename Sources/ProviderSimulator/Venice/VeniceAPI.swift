import Hummingbird
import NIOConcurrencyHelpers
import UsageModel

/// An account at the simulated Venice.ai.
package struct VeniceAccount: Sendable {
    /// How tests and the request log name it.
    package let name: String
    /// Its ADMIN key.
    package let adminToken: String
    /// A key that may only infer.
    package var inferenceToken: String?
    /// What it was charged.
    package let store: VeniceBillingStore
    /// Its prepaid USD.
    package let balance: PrepaidBalance
    /// Its DIEM a day; nil where it stakes none.
    package var diemAllocation: ExactDecimal?
    /// Its keys.
    package var keys: [VeniceKey] = []
    /// Requests and tokens a minute by model.
    package var limits: [VeniceModelLimit] = []

    /// An account.
    package init(name: String, adminToken: String, store: VeniceBillingStore, balance: PrepaidBalance) {
        self.name = name
        self.adminToken = adminToken
        self.store = store
        self.balance = balance
    }
}

/// Which of the simulated billing endpoints answer.
package final class VeniceAvailability: Sendable {
    /// What becomes of an endpoint.
    package enum State: Sendable, Hashable {
        /// It answers.
        case open
        /// It answers, and says when it will stop.
        case deprecated
        /// 410 with a pointer to its successor.
        case gone
        /// 404: not there yet, or never.
        case missing
    }

    private let states: NIOLockedValueBox<(usage: State, history: State)>

    /// As it is since September 2026 unless said otherwise: the older endpoint gone, its successor open.
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

/// The Venice.ai API: both billing endpoints, the analytics by key, the balance, rate limits and keys.
package struct VeniceAPI: SimulatedProvider {
    /// `venice`.
    package let name = "venice"
    /// Which billing endpoints answer.
    package let availability: VeniceAvailability
    /// What it does beside its documentation.
    package let misbehavior: VeniceMisbehavior

    private let accounts: [VeniceAccount]
    /// Follows an account's name where the request came with its inference key.
    private static let inferenceMark = "/inference"

    /// An API with these accounts.
    package init(
        accounts: [VeniceAccount], availability: VeniceAvailability = VeniceAvailability(),
        misbehavior: VeniceMisbehavior = VeniceMisbehavior()
    ) {
        self.accounts = accounts
        self.availability = availability
        self.misbehavior = misbehavior
    }

    /// The name of the account whose key the token is, with `/inference` behind it for an inference key.
    package func account(ofToken token: String) -> String? {
        for account in accounts {
            if account.adminToken == token { return account.name }
            if account.inferenceToken == token { return account.name + Self.inferenceMark }
        }
        return nil
    }

    /// The answer of the endpoint; 401 without a key that opens it, 404 for any other path or method.
    package func answer(_ request: APIRequest, style: AnswerStyle) -> SimulatedResponse {
        // It is gone for everyone, with or without a key.
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
        default: return error(404, "Not found")
        }
    }

    /// `{"error": "…"}`.
    package func error(_ status: Int, _ message: String) -> SimulatedResponse {
        SimulatedResponse(status: status, body: ["error": .string(message)])
    }
}
