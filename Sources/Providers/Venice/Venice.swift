import UsageModel
import Upstream

/// Venice.ai: cost, credits, requests, tokens and durations by model and UTC hour, cost by key and UTC day, balances,
/// rate limits, and keys with their budgets.
public enum Venice: Provider {
    /// `venice`.
    public static let name = "venice"

    /// The address in Venice.ai's documentation.
    public static let defaultBaseURL = "https://api.venice.ai"

    /// `usage`, `usage_analytics`, `balance`, `rate_limits` and `api_keys`. All but `rate_limits` ask for an ADMIN key:
    /// with an inference key those four fail with the reason `auth`, and `rate_limits` goes on.
    public static func sources(for account: ProviderAccount) -> [any UsageSource] {
        [
            VeniceUsageSource(
                api: account.api(for: VeniceUsageSource.endpoint),
                setting: VeniceEndpointSetting(rawValue: account.options.veniceEndpoint) ?? .auto),
            VeniceAnalyticsSource(api: account.api(for: VeniceAnalyticsSource.endpoint)),
            VeniceBalanceSource(api: account.api(for: VeniceBalanceSource.endpoint)),
            VeniceRateLimitsSource(api: account.api(for: VeniceRateLimitsSource.endpoint)),
            VeniceKeysSource(api: account.api(for: VeniceKeysSource.endpoint)),
        ]
    }
}
