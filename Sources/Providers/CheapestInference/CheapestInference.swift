import UsageModel
import Upstream

/// CheapestInference: cost, budget, limits and plan of each consumption key; requests and tokens of all of an
/// account's keys; the balance; the price list.
///
/// An account has a management key, consumption keys, or both; what a missing one would open is not read.
package enum CheapestInference: Provider {
    /// `cheapestinference`.
    package static let name = "cheapestinference"

    /// The address in CheapestInference's documentation.
    package static let defaultBaseURL = "https://api.cheapestinference.com"

    /// `usage` by consumption keys; `api_usage` and `billing_credits` by the management key; `plans` by none.
    package static func sources(for account: ProviderAccount) -> [any UsageSource] {
        var sources: [any UsageSource] = []
        let keys = account.options.keys.filter(\.hasCredential).map { key in
            CheapestInferenceKeySource.Key(
                name: key.name, api: account.api(for: CheapestInferenceKeySource.endpoint, with: .key(key.name)))
        }
        if !keys.isEmpty { sources.append(CheapestInferenceKeySource(keys: keys)) }
        if account.options.hasManagementKey {
            sources.append(
                CheapestInferenceAccountSource(
                    api: account.api(for: CheapestInferenceAccountSource.endpoint, with: .management),
                    keyIDs: account.options.keyIDs))
            sources.append(
                CheapestInferenceCreditsSource(
                    api: account.api(for: CheapestInferenceCreditsSource.endpoint, with: .management)))
        }
        sources.append(CheapestInferencePlansSource(api: account.api(for: CheapestInferencePlansSource.endpoint)))
        return sources
    }
}
