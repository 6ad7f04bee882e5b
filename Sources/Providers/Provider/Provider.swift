import UsageModel
import Upstream

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
