import NIOConcurrencyHelpers
import UsageModel

/// A key of a simulated CheapestInference account and all requests made with it.
package final class CheapestInferenceKey: Sendable {
    /// Attributes that the API reports for a key, besides its usage.
    package struct Properties: Sendable {
        /// UUID.
        package var id: String
        package var name: String
        package var token: String
        /// Creation time; budget periods count from here.
        package var createdAt: Timestamp
        /// `standard`, `pro`; nil for a key that uses credits.
        package var plan: String?
        /// End of the subscription; nil for a credit key.
        package var expiresAt: Timestamp?
        /// USD per budget period; nil for no cap.
        package var budgetLimit: ExactDecimal?
        /// Days in a budget period.
        package var budgetDays = 30
        /// Requests per minute.
        package var requestsPerMinute = 60
        /// Tokens per minute.
        package var tokensPerMinute = 3333

        /// The secret that `GET /api/keys` holds in its newer version. It differs from `token`, which clients redact.
        package var listedSecret: String { "sk-listed-" + id }

        /// A credit key.
        package init(id: String, name: String, token: String, createdAt: Timestamp) {
            self.id = id
            self.name = name
            self.token = token
            self.createdAt = createdAt
        }
    }

    /// Identifies a request for a later change.
    package struct RequestID: Sendable, Hashable {
        let index: Int
    }

    private struct State {
        var requests: [CheapestInferenceRequest?] = []
        var generatedUpTo: Timestamp?
        var isActive = true
    }

    package let properties: Properties

    private let clock: any WallClock
    private let traffic: TrafficGenerator?
    private let state = NIOLockedValueBox(State())

    /// With `traffic`, the key also holds the generator's requests, generated on first access.
    package init(_ properties: Properties, clock: any WallClock, traffic: TrafficGenerator? = nil) {
        self.properties = properties
        self.clock = clock
        self.traffic = traffic
    }

    package var isActive: Bool { state.withLockedValue { $0.isActive } }

    /// The owner switches the key on or off.
    package func setActive(_ isActive: Bool) {
        state.withLockedValue { $0.isActive = isActive }
    }

    /// Adds a request at any time, past or future.
    @discardableResult
    package func add(_ request: CheapestInferenceRequest) -> RequestID {
        state.withLockedValue { state in
            state.requests.append(request)
            return RequestID(index: state.requests.count - 1)
        }
    }

    /// Adds requests at any times, past or future.
    package func add(_ requests: [CheapestInferenceRequest]) {
        state.withLockedValue { $0.requests += requests }
    }

    /// The provider changes the charge (USD) for a request.
    package func revise(_ id: RequestID, cost: ExactDecimal) {
        state.withLockedValue { $0.requests[id.index] = $0.requests[id.index]?.costing(cost) }
    }

    /// The provider removes a request.
    package func remove(_ id: RequestID) {
        state.withLockedValue { $0.requests[id.index] = nil }
    }

    /// `active`, or `expired` once its subscription has ended.
    var planStatus: JSONValue {
        properties.expiresAt.map { $0 <= clock.now } ?? false ? "expired" : "active"
    }

    /// The time of the latest request visible now; nil if there is none.
    var lastUsedAt: Timestamp? {
        let now = clock.now
        return generated(upTo: now).lazy.compactMap { $0 }.filter { $0.visibleFrom <= now }.map(\.time).max()
    }

    /// Totals that the API reports for a span ending now: its start is exclusive, its end inclusive.
    package func rolling(_ span: Duration) -> CheapestInferenceTotals {
        let now = clock.now
        return shown { $0.time > now - span }
    }

    /// The current budget period.
    package var budgetPeriod: Period {
        let length = Duration.days(properties.budgetDays).wholeMilliseconds
        let passed = clock.now.milliseconds - properties.createdAt.milliseconds
        let whole = passed >= 0 ? passed / length : (passed - length + 1) / length
        let start = properties.createdAt.milliseconds + whole * length
        return Period(start: Timestamp(milliseconds: start), end: Timestamp(milliseconds: start + length))
    }

    /// USD spent in the current budget period.
    package var spent: ExactDecimal {
        let period = budgetPeriod
        return shown { period.contains($0.time) }.cost
    }

    /// USD spent in total.
    package var spentInAll: ExactDecimal { shown { _ in true }.cost }

    /// Expected totals: recounts the requests visible now that were made after `start`.
    package func truth(after start: Timestamp) -> CheapestInferenceTotals {
        shown { $0.time > start }
    }

    private func shown(_ isCounted: (CheapestInferenceRequest) -> Bool) -> CheapestInferenceTotals {
        let now = clock.now
        var totals = CheapestInferenceTotals()
        for case let request? in generated(upTo: now) where request.visibleFrom <= now && isCounted(request) {
            totals.add(request)
        }
        return totals
    }

    /// All requests, with the generator's up to the given time.
    private func generated(upTo now: Timestamp) -> [CheapestInferenceRequest?] {
        state.withLockedValue { state in
            if let traffic {
                var hour = state.generatedUpTo ?? traffic.start
                while hour <= now {
                    state.requests += traffic.events(inHourOf: hour).map(CheapestInferenceRequest.init)
                    hour = hour + .hours(1)
                }
                state.generatedUpTo = hour
            }
            return state.requests
        }
    }
}

/// One request made with a simulated CheapestInference key.
package struct CheapestInferenceRequest: Sendable, Hashable {
    package let time: Timestamp
    /// USD charged.
    package let cost: ExactDecimal
    package let promptTokens: Int
    package let completionTokens: Int
    /// The time from which the API counts the request.
    package let visibleFrom: Timestamp

    /// A request, counted immediately unless `visibleFrom` is later.
    package init(
        time: Timestamp, cost: ExactDecimal, promptTokens: Int, completionTokens: Int, visibleFrom: Timestamp? = nil
    ) {
        self.time = time
        self.cost = cost
        self.promptTokens = promptTokens
        self.completionTokens = completionTokens
        self.visibleFrom = max(time, visibleFrom ?? time)
    }

    /// The same request with another charge.
    func costing(_ cost: ExactDecimal) -> CheapestInferenceRequest {
        CheapestInferenceRequest(
            time: time, cost: cost, promptTokens: promptTokens, completionTokens: completionTokens,
            visibleFrom: visibleFrom)
    }

    /// Generated traffic. Token counts depend only on the event's time: long prompts, short completions.
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

    package init() {}

    mutating func add(_ request: CheapestInferenceRequest) {
        cost += request.cost
        requests += 1
        promptTokens += request.promptTokens
        completionTokens += request.completionTokens
    }
}
