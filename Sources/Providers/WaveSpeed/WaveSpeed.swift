import ConfigReading
import UsageModel
import Upstream

/// WaveSpeedAI: cost, requests and outcomes by model and UTC day, the balance, and model metadata.
package enum WaveSpeed: Provider {
    package typealias Options = WaveSpeedOptions

    package static let name = "wavespeed"

    /// The base URL in WaveSpeedAI's documentation.
    package static let defaultBaseURL = "https://api.wavespeed.ai"

    package static let readsWholeOrganization = true
}

/// The options of a WaveSpeedAI account.
package struct WaveSpeedOptions: ProviderOptions {
    package static let configKeys = SecretReader.keys("api_key") + ["success_by_model"]

    package var key: SecretSource?
    /// Whether to query the outcomes of each model, which costs one request per model and day.
    package var successByModel = true

    package init(key: SecretSource?) { self.key = key }

    package init(_ mapping: ConfigurationMapping, secrets: SecretReader) {
        key = secrets.requiredSecret("api_key", in: mapping)
        successByModel = mapping["success_by_model"]?.boolean() ?? true
    }

    package var credentials: [AccountCredential: SecretSource] { key.map { [.account: $0] } ?? [:] }

    /// Returns the sources `usage_stats` and `balance`.
    package func sources(for account: ProviderAccount) -> [any UsageSource] {
        [
            WaveSpeedUsageSource(
                api: account.api(for: WaveSpeedUsageSource.endpoint), outcomesByModel: successByModel),
            WaveSpeedBalanceSource(api: account.api(for: WaveSpeedBalanceSource.endpoint)),
        ]
    }
}
