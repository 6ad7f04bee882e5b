import NIOConcurrencyHelpers
import UsageModel

/// An account at the simulated CheapestInference.
package final class CheapestInferenceAccount: Sendable {
    /// How tests and the request log name it.
    package let name: String
    /// Its management key.
    package let managementToken: String
    /// Its consumption keys.
    package let keys: [CheapestInferenceKey]
    /// Its prepaid money, which all keys use up.
    package let balance: PrepaidBalance

    /// "Rate limited to 12 requests per 12 hours."
    static let usageLimit = 12
    static let usageSpan = Duration.hours(12)

    private let usageRequests = NIOLockedValueBox<[Timestamp]>([])

    /// An account.
    package init(name: String, managementToken: String, keys: [CheapestInferenceKey], balance: PrepaidBalance) {
        self.name = name
        self.managementToken = managementToken
        self.keys = keys
        self.balance = balance
    }

    /// What is left of the balance, in USD.
    var remaining: ExactDecimal {
        balance.remaining(afterSpending: keys.reduce(.zero) { $0 + $1.spentInAll })
    }

    /// Takes a place in the allowance of the usage endpoints; the seconds until there is one where none is left.
    func takePlace(at now: Timestamp) -> Int? {
        usageRequests.withLockedValue { requests in
            requests.removeAll { $0 <= now - Self.usageSpan }
            if requests.count >= Self.usageLimit, let oldest = requests.first {
                return Int((oldest + Self.usageSpan - now).inSeconds.rounded(.up))
            }
            requests.append(now)
            return nil
        }
    }
}

/// A key of a simulated CheapestInference account, with everything that was asked with it.
package final class CheapestInferenceKey: Sendable {
    /// What the API says of a key beside its usage.
    package struct Properties: Sendable {
        /// UUID.
        package var id: String
        /// What its owner calls it.
        package var name: String
        /// The consumption key itself.
        package var token: String
        /// When it was made; budget periods count from here.
        package var createdAt: Timestamp
        /// `standard`, `pro`; nil for a key that uses up credits.
        package var plan: String?
        /// When the subscription ends; nil for a credit key.
        package var expiresAt: Timestamp?
        /// USD a budget period; nil for no cap.
        package var budgetLimit: ExactDecimal?
        /// Days that a budget period has.
        package var budgetDays = 30
        /// Requests a minute.
        package var requestsPerMinute = 60
        /// Tokens a minute.
        package var tokensPerMinute = 3333

        /// A credit key.
        package init(id: String, name: String, token: String, createdAt: Timestamp) {
            self.id = id
            self.name = name
            self.token = token
            self.createdAt = createdAt
        }
    }

    /// Names a request for a later change.
    package struct RequestID: Sendable, Hashable {
        let index: Int
    }

    private struct State {
        var requests: [CheapestInferenceRequest?] = []
        var generatedUpTo: Timestamp?
        var isActive = true
    }

    /// What the API says of it beside its usage.
    package let properties: Properties

    private let clock: any WallClock
    private let traffic: TrafficGenerator?
    private let state = NIOLockedValueBox(State())

    /// A key; with `traffic` the generator's requests are its own, made when somebody first asks for them.
    package init(_ properties: Properties, clock: any WallClock, traffic: TrafficGenerator? = nil) {
        self.properties = properties
        self.clock = clock
        self.traffic = traffic
    }

    /// Whether it can be used.
    package var isActive: Bool { state.withLockedValue { $0.isActive } }

    /// Its owner switches it on or off.
    package func setActive(_ isActive: Bool) {
        state.withLockedValue { $0.isActive = isActive }
    }

    /// Adds a request, whenever it was made.
    @discardableResult
    package func add(_ request: CheapestInferenceRequest) -> RequestID {
        state.withLockedValue { state in
            state.requests.append(request)
            return RequestID(index: state.requests.count - 1)
        }
    }

    /// Adds requests, whenever they were made.
    package func add(_ requests: [CheapestInferenceRequest]) {
        state.withLockedValue { $0.requests += requests }
    }

    /// The provider charges another amount (USD) for a request than it said before.
    package func revise(_ id: RequestID, cost: ExactDecimal) {
        state.withLockedValue { $0.requests[id.index] = $0.requests[id.index]?.costing(cost) }
    }

    /// The provider takes a request back.
    package func remove(_ id: RequestID) {
        state.withLockedValue { $0.requests[id.index] = nil }
    }

    /// What the API counts over a span up to now: requests after its beginning, up to and with this moment.
    package func rolling(_ span: Duration) -> CheapestInferenceTotals {
        let now = clock.now
        return shown { $0.time > now - span }
    }

    /// The present budget period.
    package var budgetPeriod: Period {
        let length = Duration.days(properties.budgetDays).wholeMilliseconds
        let passed = clock.now.milliseconds - properties.createdAt.milliseconds
        let whole = passed >= 0 ? passed / length : (passed - length + 1) / length
        let start = properties.createdAt.milliseconds + whole * length
        return Period(start: Timestamp(milliseconds: start), end: Timestamp(milliseconds: start + length))
    }

    /// What was spent in the present budget period, in USD.
    package var spent: ExactDecimal {
        let period = budgetPeriod
        return shown { period.contains($0.time) }.cost
    }

    /// What was spent since ever, in USD.
    package var spentInAll: ExactDecimal { shown { _ in true }.cost }

    /// A recount of what the API shows by now of the requests made after a moment.
    package func truth(after start: Timestamp) -> CheapestInferenceTotals {
        shown { $0.time > start }
    }

    private func shown(_ isCounted: (CheapestInferenceRequest) -> Bool) -> CheapestInferenceTotals {
        let now = clock.now
        return state.withLockedValue { state in
            if let traffic {
                var hour = state.generatedUpTo ?? traffic.start
                while hour <= now {
                    state.requests += traffic.events(inHourOf: hour).map(CheapestInferenceRequest.init)
                    hour = hour + .hours(1)
                }
                state.generatedUpTo = hour
            }
            var totals = CheapestInferenceTotals()
            for case let request? in state.requests where request.visibleFrom <= now && isCounted(request) {
                totals.add(request)
            }
            return totals
        }
    }
}

/// One request that was made with a simulated CheapestInference key.
package struct CheapestInferenceRequest: Sendable, Hashable {
    /// When it was made.
    package let time: Timestamp
    /// What was charged, in USD.
    package let cost: ExactDecimal
    /// Tokens sent.
    package let promptTokens: Int
    /// Tokens received.
    package let completionTokens: Int
    /// The API does not count it before this moment.
    package let visibleFrom: Timestamp

    /// A request, counted at once unless `visibleFrom` is later.
    package init(
        time: Timestamp, cost: ExactDecimal, promptTokens: Int, completionTokens: Int, visibleFrom: Timestamp? = nil
    ) {
        self.time = time
        self.cost = cost
        self.promptTokens = promptTokens
        self.completionTokens = completionTokens
        self.visibleFrom = max(time, visibleFrom ?? time)
    }

    /// The same request at another charge.
    func costing(_ cost: ExactDecimal) -> CheapestInferenceRequest {
        CheapestInferenceRequest(
            time: time, cost: cost, promptTokens: promptTokens, completionTokens: completionTokens,
            visibleFrom: visibleFrom)
    }

    /// Generated traffic, with tokens that follow from its moment alone: long prompts, short answers.
    init(_ event: UsageEvent) {
        let mixed = SplitMix64.mixed(UInt64(bitPattern: event.time.milliseconds))
        self.init(
            time: event.time, cost: event.cost, promptTokens: 200 + Int(mixed % 6800),
            completionTokens: 40 + Int((mixed >> 20) % 760), visibleFrom: event.visibleFrom)
    }
}

/// Exact sums over some requests of a key.
package struct CheapestInferenceTotals: Sendable, Hashable {
    /// USD charged.
    package private(set) var cost = ExactDecimal.zero
    /// Requests made.
    package private(set) var requests = 0
    /// Tokens sent.
    package private(set) var promptTokens = 0
    /// Tokens received.
    package private(set) var completionTokens = 0

    /// Nothing yet.
    package init() {}

    mutating func add(_ request: CheapestInferenceRequest) {
        cost += request.cost
        requests += 1
        promptTokens += request.promptTokens
        completionTokens += request.completionTokens
    }
}
