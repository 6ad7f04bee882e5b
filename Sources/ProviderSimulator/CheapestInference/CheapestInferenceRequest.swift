import UsageModel

/// One request that was made with a simulated CheapestInference key.
public struct CheapestInferenceRequest: Sendable, Hashable {
    /// When it was made.
    public let time: Timestamp
    /// What was charged, in USD.
    public let cost: ExactDecimal
    /// Tokens sent.
    public let promptTokens: Int
    /// Tokens received.
    public let completionTokens: Int
    /// The API does not count it before this moment.
    public let visibleFrom: Timestamp

    /// A request, counted at once unless `visibleFrom` is later.
    public init(
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
public struct CheapestInferenceTotals: Sendable, Hashable {
    /// USD charged.
    public private(set) var cost = ExactDecimal.zero
    /// Requests made.
    public private(set) var requests = 0
    /// Tokens sent.
    public private(set) var promptTokens = 0
    /// Tokens received.
    public private(set) var completionTokens = 0

    /// Nothing yet.
    public init() {}

    mutating func add(_ request: CheapestInferenceRequest) {
        cost += request.cost
        requests += 1
        promptTokens += request.promptTokens
        completionTokens += request.completionTokens
    }
}
