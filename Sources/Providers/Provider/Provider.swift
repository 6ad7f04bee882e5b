import Upstream
import UsageModel

/// A service that sells inference: what it is called in the config, where its API is, and what can be read there.
package protocol Provider: Sendable {
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
    package static var requestsPerMinute: Int? { nil }
}

/// Every provider this exporter reads: a further one is a folder beside this one and a line here.
package let allProviders: [any Provider.Type] = [
    WaveSpeed.self,
    FairStack.self,
    Venice.self,
    CheapestInference.self,
    UseAPI.self,
]

/// What a provider needs to know of an account.
package struct ProviderAccount: Sendable {
    /// The account's options.
    package let options: ProviderOptions
    private let connect: @Sendable (_ source: String, _ credential: AccountCredential) -> any UpstreamAPI

    /// An account.
    ///
    /// - Parameter connect: makes the API with one of the account's credentials for one of its sources, which has its
    ///   calls counted apart.
    package init(
        options: ProviderOptions = ProviderOptions(),
        connect: @escaping @Sendable (_ source: String, _ credential: AccountCredential) -> any UpstreamAPI
    ) {
        self.options = options
        self.connect = connect
    }

    /// The API as one of the account's credentials opens it, its calls counted for the source of this name.
    package func api(for source: String, with credential: AccountCredential = .account) -> any UpstreamAPI {
        connect(source, credential)
    }
}

/// Which of an account's credentials a call is made with.
package enum AccountCredential: Sendable, Hashable {
    /// The account's own key.
    case account
    /// Its management key.
    case management
    /// One of its `keys`, by name.
    case key(String)
}

/// The options of an account that decide what is read and how; each provider takes those that are its own.
package struct ProviderOptions: Sendable {
    /// One of the account's `keys`.
    package struct Key: Sendable, Hashable {
        /// How it is called in labels.
        package let name: String
        /// The provider's id of it.
        package let id: String?
        /// Whether it has a credential of its own, so that `AccountCredential.key` can be used.
        package let hasCredential: Bool

        /// A key.
        package init(name: String, id: String? = nil, hasCredential: Bool = false) {
            self.name = name
            self.id = id
            self.hasCredential = hasCredential
        }
    }

    /// WaveSpeedAI: ask for the outcomes of each model, which costs a query a model and day.
    package var successByModel = true
    /// FairStack: keys whose cost is read apart. CheapestInference: consumption keys.
    package var keys: [Key] = []
    /// CheapestInference: whether there is a management key.
    package var hasManagementKey = false
    /// CheapestInference: the keys to read by the management key; none for all of them.
    package var keyIDs: [String] = []
    /// Venice: `auto`, `usage` or `usage-history`.
    package var veniceEndpoint = "auto"
    /// useapi.net: the bots to read.
    package var bots: [String] = []
    /// useapi.net: USD for a successful request, by model or bot.
    package var prices: [String: ExactDecimal] = [:]

    /// The defaults.
    package init() {}
}
