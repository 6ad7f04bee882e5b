import ConfigReading
import UsageModel
import Upstream

/// CheapestInference: cost, budget, limits and plan of each consumption key; requests and tokens of all keys of an
/// account; the balance, top-ups and subscriptions; the price list.
///
/// An account has a management key, consumption keys, or both. Endpoints that need a missing key are not read.
package enum CheapestInference: Provider {
    package typealias Options = CheapestInferenceOptions

    package static let name = "cheapestinference"

    /// The base URL in CheapestInference's documentation.
    package static let defaultBaseURL = "https://api.cheapestinference.com"
}

/// The options of a CheapestInference account.
package struct CheapestInferenceOptions: ProviderOptions {
    package static let configKeys = SecretReader.keys("management_key") + ["keys", "key_ids"]

    package var managementKey: SecretSource?
    /// The consumption keys.
    package var keys: [KeyConfiguration] = []
    /// The keys to read with the management key; empty for every key of the account.
    package var keyIDs: [String] = []

    package init(managementKey: SecretSource? = nil) { self.managementKey = managementKey }

    package init(_ mapping: ConfigurationMapping, secrets: SecretReader) {
        managementKey = secrets.secret("management_key", in: mapping)
        keys = KeyConfiguration.credentialed(in: mapping, secrets: secrets)
        keyIDs = mapping["key_ids"]?.distinctTexts(of: "key ids", read: { $0.identifier() }) ?? []
        guard !SecretReader.isNamed("management_key", in: mapping) else { return }
        if mapping["keys"]?.list(of: "keys")?.isEmpty ?? true {
            let ways = SecretReader.keys("management_key").joined(separator: ", ")
            mapping.value.problem("missing key: expected keys, or one of \(ways)")
        }
        if !keyIDs.isEmpty {
            mapping["key_ids"]?.problem("key_ids are read with a management key: add management_key_env")
        }
    }

    package var credentials: [AccountCredential: SecretSource] {
        var credentials: [AccountCredential: SecretSource] = [:]
        credentials[.management] = managementKey
        for key in keys { credentials[.key(key.name)] = key.credential }
        return credentials
    }

    package var scope: [String] { keyIDs }

    /// Returns `usage` (consumption keys), `api_usage`, `api_keys`, `billing_credits` and `billing_status` (management
    /// key), and `plans` (no key).
    package func sources(for account: ProviderAccount) -> [any UsageSource] {
        var sources: [any UsageSource] = []
        let keys = keys.filter { $0.credential != nil }.map { key in
            CheapestInferenceKeySource.Key(
                name: key.name, api: account.api(for: CheapestInferenceKeySource.endpoint, with: .key(key.name)))
        }
        if !keys.isEmpty { sources.append(CheapestInferenceKeySource(keys: keys)) }
        if managementKey != nil { sources += managementSources(for: account, readDirectly: Set(keys.map(\.name))) }
        sources.append(CheapestInferencePlansSource(api: account.api(for: CheapestInferencePlansSource.endpoint)))
        return sources
    }

    private func managementSources(
        for account: ProviderAccount, readDirectly: Set<String>
    ) -> [any UsageSource] {
        func api(for source: String) -> any UpstreamAPI { account.api(for: source, with: .management) }
        return [
            CheapestInferenceAccountSource(
                api: api(for: CheapestInferenceAccountSource.endpoint), keyIDs: keyIDs, readDirectly: readDirectly),
            CheapestInferenceKeyListSource(
                api: api(for: CheapestInferenceKeyListSource.endpoint), keyIDs: keyIDs, readDirectly: readDirectly),
            CheapestInferenceCreditsSource(api: api(for: CheapestInferenceCreditsSource.endpoint)),
            CheapestInferenceBillingSource(api: api(for: CheapestInferenceBillingSource.endpoint)),
        ]
    }
}
