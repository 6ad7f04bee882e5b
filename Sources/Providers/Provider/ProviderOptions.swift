import UsageModel

/// The options of an account that decide what is read and how; each provider takes those that are its own.
public struct ProviderOptions: Sendable {
    /// One of the account's `keys`.
    public struct Key: Sendable, Hashable {
        /// How it is called in labels.
        public let name: String
        /// The provider's id of it.
        public let id: String?
        /// Whether it has a credential of its own, so that `AccountCredential.key` can be used.
        public let hasCredential: Bool

        /// A key.
        public init(name: String, id: String? = nil, hasCredential: Bool = false) {
            self.name = name
            self.id = id
            self.hasCredential = hasCredential
        }
    }

    /// WaveSpeedAI: ask for the outcomes of each model, which costs a query a model and day.
    public var successByModel = true
    /// FairStack: keys whose cost is read apart. CheapestInference: consumption keys.
    public var keys: [Key] = []
    /// CheapestInference: whether there is a management key.
    public var hasManagementKey = false
    /// CheapestInference: the keys to read by the management key; none for all of them.
    public var keyIDs: [String] = []
    /// Venice: `auto`, `usage` or `usage-history`.
    public var veniceEndpoint = "auto"
    /// useapi.net: the bots to read.
    public var bots: [String] = []
    /// useapi.net: USD for a successful request, by model or bot.
    public var prices: [String: ExactDecimal] = [:]

    /// The defaults.
    public init() {}
}
