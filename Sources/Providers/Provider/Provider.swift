import UsageModel
import Upstream

/// A service that sells inference: what it is called in the config, where its API is, and what can be read there.
public protocol Provider: Sendable {
    /// The value of `provider:` in the config and of the label `provider`.
    static var name: String { get }

    /// Where its API is, unless the account's `base_url` says otherwise.
    static var defaultBaseURL: String { get }

    /// The endpoints to read for one account, each a source of its own.
    static func sources(for account: ProviderAccount) -> [any UsageSource]
}

/// Every provider this exporter reads: a further one is a folder beside this one and a line here.
public let allProviders: [any Provider.Type] = [
    WaveSpeed.self
]

/// What a provider needs to know of an account.
public struct ProviderAccount: Sendable {
    /// The account's options.
    public let options: ProviderOptions
    private let connect: @Sendable (_ source: String) -> any UpstreamAPI

    /// An account.
    ///
    /// - Parameter connect: makes the API with the account's own key for one of its sources, which has its calls
    ///   counted apart.
    public init(options: ProviderOptions = ProviderOptions(), connect: @escaping @Sendable (String) -> any UpstreamAPI) {
        self.options = options
        self.connect = connect
    }

    /// The API with the account's own key, its calls counted for the source of this name.
    public func api(for source: String) -> any UpstreamAPI { connect(source) }
}

/// The options of an account that decide what is read and how.
public struct ProviderOptions: Sendable {
    /// WaveSpeedAI: ask for the outcomes of each model, which costs a query a model and day.
    public var successByModel = true

    /// The defaults.
    public init() {}
}
