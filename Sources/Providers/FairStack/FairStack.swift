import ConfigReading
import UsageModel
import Upstream

/// FairStack: cost and generations by key, model, modality and UTC day; failures, top-ups, refunds, balance, caps and
/// the list of keys.
package enum FairStack: Provider {
    package typealias Options = FairStackOptions

    package static let name = "fairstack"

    /// The base URL in FairStack's documentation.
    package static let defaultBaseURL = "https://api.fairstack.ai"

    /// FairStack allows 60 requests a minute for a key (according to a public source, not its documentation). Ten are
    /// left to other clients that use the key.
    package static let requestsPerMinute: Int? = 50
}

/// The options of a FairStack account.
package struct FairStackOptions: ProviderOptions {
    package static let configKeys = SecretReader.keys("api_key") + ["keys"]

    package var key: SecretSource?
    /// The keys whose usage is read separately. The API can be queried for a key only by the key's id.
    package var keys: [KeyConfiguration] = []

    package init(key: SecretSource?) { self.key = key }

    package init(_ mapping: ConfigurationMapping, secrets: SecretReader) {
        key = secrets.requiredSecret("api_key", in: mapping)
        keys = KeyConfiguration.list(in: mapping) { mapping in
            mapping.rejectUnknownKeys(known: ["id", "name"])
            let name = mapping["name"].map { $0.label() }
            guard let id = mapping.required("id").flatMap({ $0.identifier() }) else { return nil }
            return KeyConfiguration(name: name.map { $0 ?? id } ?? id, id: id)
        }
    }

    package var credentials: [AccountCredential: SecretSource] { key.map { [.account: $0] } ?? [:] }

    package var scope: [String] { keys.compactMap(\.id) }

    /// Returns the sources `usage` (with `daily`), `transactions`, `credits` (or `account`) and `api_keys`.
    package func sources(for account: ProviderAccount) -> [any UsageSource] {
        let keys = keys.compactMap { key in key.id.map { FairStackKey(id: $0, name: key.name) } }
        return [
            FairStackUsageSource(api: account.api(for: FairStackUsageSource.endpoint), keys: keys),
            FairStackTransactionsSource(api: account.api(for: FairStackTransactionsSource.endpoint)),
            FairStackCreditsSource(api: account.api(for: FairStackCreditsSource.endpoint)),
            FairStackKeysSource(api: account.api(for: FairStackKeysSource.endpoint), configured: keys),
        ]
    }
}

/// A key whose usage is read separately.
struct FairStackKey: Hashable, Codable {
    /// The value of the query parameter `key_id`.
    let id: String
    /// The value of the label `key`.
    let name: String
}
