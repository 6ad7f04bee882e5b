import ConfigReading
import UsageModel
import Upstream

/// WaveSpeedAI: cost, requests and outcomes by model and UTC day, running jobs, durations, the balance, model metadata,
/// and on request cost by key and refunds.
package enum WaveSpeed: Provider {
    package typealias Options = WaveSpeedOptions

    package static let name = "wavespeed"

    /// The base URL in WaveSpeedAI's documentation.
    package static let defaultBaseURL = "https://api.wavespeed.ai"

    package static let readsWholeOrganization = true
}

/// The options of a WaveSpeedAI account.
package struct WaveSpeedOptions: ProviderOptions {
    package static let configKeys = SecretReader.keys("api_key") + ["success_by_model", "cost_by_key"]

    package var key: SecretSource?
    /// Whether to query the outcomes of each model, which costs one request per model and day.
    package var successByModel = true
    /// Whether to read the billing records, which costs a request per 100 records.
    package var costByKey = false

    package init(key: SecretSource?) { self.key = key }

    package init(_ mapping: ConfigurationMapping, secrets: SecretReader) {
        key = secrets.requiredSecret("api_key", in: mapping)
        successByModel = mapping["success_by_model"]?.boolean() ?? true
        costByKey = mapping["cost_by_key"]?.boolean() ?? false
    }

    package var credentials: [AccountCredential: SecretSource] { key.map { [.account: $0] } ?? [:] }

    /// Returns the sources `usage_stats`, `predictions` and `balance`, and `billings` if `cost_by_key` is set.
    package func sources(for account: ProviderAccount) -> [any UsageSource] {
        let sources: [any UsageSource] = [
            WaveSpeedUsageSource(
                api: account.api(for: WaveSpeedUsageSource.endpoint), outcomesByModel: successByModel),
            WaveSpeedPredictionsSource(api: account.api(for: WaveSpeedPredictionsSource.endpoint)),
            WaveSpeedBalanceSource(api: account.api(for: WaveSpeedBalanceSource.endpoint)),
        ]
        guard costByKey else { return sources }
        return sources + [WaveSpeedBillingsSource(api: account.api(for: WaveSpeedBillingsSource.endpoint))]
    }
}
