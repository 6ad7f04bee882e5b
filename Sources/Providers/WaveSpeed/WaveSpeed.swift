import UsageModel
import Upstream

/// WaveSpeedAI: cost, requests and outcomes by model and UTC day, the balance, and what is known of its models.
package enum WaveSpeed: Provider {
    /// `wavespeed`.
    package static let name = "wavespeed"

    /// The address in WaveSpeedAI's documentation.
    package static let defaultBaseURL = "https://api.wavespeed.ai"

    /// `usage_stats` and `balance`.
    package static func sources(for account: ProviderAccount) -> [any UsageSource] {
        [
            WaveSpeedUsageSource(
                api: account.api(for: WaveSpeedUsageSource.endpoint), outcomesByModel: account.options.successByModel),
            WaveSpeedBalanceSource(api: account.api(for: WaveSpeedBalanceSource.endpoint)),
        ]
    }
}
