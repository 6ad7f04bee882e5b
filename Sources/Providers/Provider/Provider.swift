import ConfigReading
import Upstream
import UsageModel

/// A service that sells inference: its name in the config, the address of its API, and the options of its accounts.
package protocol Provider: Sendable {
    /// The options of an account in the config file, and the sources that they lead to.
    associatedtype Options: ProviderOptions

    /// The value of `provider:` in the config and of the label `provider`.
    static var name: String { get }

    /// The base URL of its API if the account sets no `base_url`.
    static var defaultBaseURL: String { get }

    /// The limit of requests per minute to an account's API, shared by all sources; nil if no limit is known.
    static var requestsPerMinute: Int? { get }

    /// Whether a key reads the figures of its whole organization, so that two keys of one organization read the same.
    static var readsWholeOrganization: Bool { get }

    /// The metric families that only this provider reports.
    static var families: UsageFamilies { get }
}

extension Provider {
    package static var requestsPerMinute: Int? { nil }

    package static var readsWholeOrganization: Bool { false }

    package static var families: UsageFamilies { UsageFamilies() }

    /// The config keys that only this provider's accounts have, the more important ones first.
    package static var configKeys: [String] { Options.configKeys }

    /// Reads those keys of an account; reports problems to the log of the mapping.
    package static func options(_ mapping: ConfigurationMapping, secrets: SecretReader) -> any ProviderOptions {
        Options(mapping, secrets: secrets)
    }
}

/// All providers. To add one, add a directory next to this one and a line here.
package let allProviders: [any Provider.Type] = [
    WaveSpeed.self,
    FairStack.self,
    Venice.self,
    CheapestInference.self,
    UseAPI.self,
    OpenRouter.self,
    Anthropic.self,
    OpenAI.self,
]

/// The part of an account's config that belongs to its provider.
package protocol ProviderOptions: Sendable, Hashable {
    /// The config keys that only this provider's accounts have, the more important ones first.
    static var configKeys: [String] { get }

    /// Reads those keys; reports problems to the log of the mapping.
    init(_ mapping: ConfigurationMapping, secrets: SecretReader)

    /// The configured secrets by what they are used for.
    var credentials: [AccountCredential: SecretSource] { get }

    /// Everything but the credentials that decides which requests an account makes, such as ids of keys.
    var scope: [String] { get }

    /// Returns one source for each endpoint to read.
    func sources(for account: ProviderAccount) -> [any UsageSource]
}

extension ProviderOptions {
    package var scope: [String] { [] }
}

/// Access to the API of an account.
package struct ProviderAccount: Sendable {
    private let connect: @Sendable (_ source: String, _ credential: AccountCredential) -> any UpstreamAPI

    /// Creates an account.
    ///
    /// - Parameter connect: returns the API with one of the account's credentials. Calls are counted by source.
    package init(
        connect: @escaping @Sendable (_ source: String, _ credential: AccountCredential) -> any UpstreamAPI
    ) {
        self.connect = connect
    }

    /// Returns the API that uses the given credential. Its calls are counted for the source of this name.
    package func api(for source: String, with credential: AccountCredential = .account) -> any UpstreamAPI {
        connect(source, credential)
    }
}

/// The credential that a call uses.
package enum AccountCredential: Sendable, Hashable {
    /// The account's own key.
    case account
    /// The account's management key.
    case management
    /// One of the account's `keys`, by name.
    case key(String)
}

/// One key of an account that the config file names in the list `keys`.
package struct KeyConfiguration: Sendable, Hashable {
    /// The label `key`.
    package var name: String
    /// The provider's id of the key, where it is queried by id.
    package var id: String?
    /// The key itself, where it is queried with.
    package var credential: SecretSource?

    package init(name: String, id: String? = nil, credential: SecretSource? = nil) {
        self.name = name
        self.id = id
        self.credential = credential
    }

    /// Reads the list `keys` of names and API keys; names must differ.
    static func credentialed(
        in mapping: ConfigurationMapping, secrets: SecretReader
    ) -> [KeyConfiguration] {
        list(in: mapping) { mapping in
            mapping.rejectUnknownKeys(known: ["name"] + SecretReader.keys("api_key"))
            let name = mapping.required("name").flatMap { $0.label() }
            let credential = secrets.requiredSecret("api_key", in: mapping)
            return name.map { KeyConfiguration(name: $0, credential: credential) }
        }
    }

    /// Reads the list `keys`; names and ids must differ.
    ///
    /// - Parameter key: reads one item of the list; reports a problem and returns nil if it is not valid.
    static func list(
        in mapping: ConfigurationMapping, key: (ConfigurationMapping) -> KeyConfiguration?
    ) -> [KeyConfiguration] {
        var found: [KeyConfiguration] = []
        for item in mapping["keys"]?.list(of: "keys") ?? [] {
            guard let inner = item.mapping(), let key = key(inner) else { continue }
            if found.contains(where: { $0.name == key.name }) {
                let value = inner["name"] ?? item
                value.problem("duplicate key name \(QuotedValue.text(key.name)): names must differ")
            } else if let id = key.id, found.contains(where: { $0.id == id }) {
                inner["id"]?.problem("duplicate key id \(QuotedValue.text(id)): keep one")
            } else {
                found.append(key)
            }
        }
        return found
    }
}
