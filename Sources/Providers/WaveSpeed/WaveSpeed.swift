import UsageModel
import Upstream

/// WaveSpeedAI: cost, requests and outcomes by model and UTC day, the balance, and what is known of its models.
public enum WaveSpeed: Provider {
    /// `wavespeed`.
    public static let name = "wavespeed"

    /// The address in WaveSpeedAI's documentation.
    public static let defaultBaseURL = "https://api.wavespeed.ai"

    /// `usage_stats` and `balance`.
    public static func sources(for account: ProviderAccount) -> [any UsageSource] {
        [
            WaveSpeedUsageSource(
                api: account.api(for: WaveSpeedUsageSource.endpoint), outcomesByModel: account.options.successByModel),
            WaveSpeedBalanceSource(api: account.api(for: WaveSpeedBalanceSource.endpoint)),
        ]
    }
}
