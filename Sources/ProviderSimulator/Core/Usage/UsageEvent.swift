import UsageModel

/// One request that a simulated account made, as the provider will report it.
public struct UsageEvent: Sendable, Hashable {
    /// When the request was made.
    public let time: Timestamp
    /// The provider's model id. Empty: counted in the provider's totals, and named under no model.
    public let model: String
    /// What the model makes (`text-to-image`, …); nil where the provider does not say.
    public let modality: String?
    /// The model's list price in USD. What a request costs may be a multiple of it.
    public let unitPrice: ExactDecimal
    /// What was charged, in USD.
    public let cost: ExactDecimal
    /// Whether the request succeeded.
    public let succeeded: Bool
    /// The API does not show the request before this moment: providers publish late.
    public let visibleFrom: Timestamp

    /// A request, shown at once unless `visibleFrom` is later.
    public init(
        time: Timestamp, model: String, modality: String? = nil, unitPrice: ExactDecimal, cost: ExactDecimal,
        succeeded: Bool = true, visibleFrom: Timestamp? = nil
    ) {
        self.time = time
        self.model = model
        self.modality = modality
        self.unitPrice = unitPrice
        self.cost = cost
        self.succeeded = succeeded
        self.visibleFrom = max(time, visibleFrom ?? time)
    }

    /// The same request at another charge.
    func costing(_ cost: ExactDecimal) -> UsageEvent {
        UsageEvent(
            time: time, model: model, modality: modality, unitPrice: unitPrice, cost: cost, succeeded: succeeded,
            visibleFrom: visibleFrom)
    }
}
