import Upstream
import UsageModel

/// A service that sells inference: what it is called in the config, where its API is, and what can be read there.
public protocol Provider: Sendable {
    /// The value of `provider:` in the config and of the label `provider`.
    static var name: String { get }

    /// Where its API is, unless the account's `base_url` says otherwise.
    static var defaultBaseURL: String { get }

    /// How many requests an account's API gets from us in any minute, all sources together; nil where no limit is known.
    static var requestsPerMinute: Int? { get }

    /// The endpoints to read for one account, each a source of its own.
    static func sources(for account: ProviderAccount) -> [any UsageSource]
}

extension Provider {
    /// No limit is known.
    public static var requestsPerMinute: Int? { nil }
}

/// Every provider this exporter reads: a further one is a folder beside this one and a line here.
public let allProviders: [any Provider.Type] = [
    WaveSpeed.self,
    FairStack.self,
    Venice.self,
    CheapestInference.self,
    UseAPI.self,
]

/// What a provider needs to know of an account.
public struct ProviderAccount: Sendable {
    /// The account's options.
    public let options: ProviderOptions
    private let connect: @Sendable (_ source: String, _ credential: AccountCredential) -> any UpstreamAPI

    /// An account.
    ///
    /// - Parameter connect: makes the API with one of the account's credentials for one of its sources, which has its
    ///   calls counted apart.
    public init(
        options: ProviderOptions = ProviderOptions(),
        connect: @escaping @Sendable (_ source: String, _ credential: AccountCredential) -> any UpstreamAPI
    ) {
        self.options = options
        self.connect = connect
    }

    /// The API as one of the account's credentials opens it, its calls counted for the source of this name.
    public func api(for source: String, with credential: AccountCredential = .account) -> any UpstreamAPI {
        connect(source, credential)
    }
}

/// Which of an account's credentials a call is made with.
public enum AccountCredential: Sendable, Hashable {
    /// The account's own key.
    case account
    /// Its management key.
    case management
    /// One of its `keys`, by name.
    case key(String)
}

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
