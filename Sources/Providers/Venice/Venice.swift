import ConfigReading
import Upstream
import UsageModel

/// Venice.ai: cost, credits, requests, tokens, other units and durations by model and UTC hour, cost by key and by
/// modality and UTC day, balances, rate limits and refused requests, and keys with their budgets.
package enum Venice: Provider {
    package typealias Options = VeniceOptions

    package static let name = "venice"

    /// The base URL in Venice.ai's documentation.
    package static let defaultBaseURL = "https://api.venice.ai"
}

/// The options of a Venice.ai account.
package struct VeniceOptions: ProviderOptions {
    package static let configKeys = SecretReader.keys("api_key") + ["endpoint"]

    package var key: SecretSource?
    package var endpoint = VeniceEndpointSetting.auto

    package init(key: SecretSource?) { self.key = key }

    package init(_ mapping: ConfigurationMapping, secrets: SecretReader) {
        key = secrets.requiredSecret("api_key", in: mapping)
        endpoint = mapping["endpoint"]?.choice(VeniceEndpointSetting.self) ?? .auto
    }

    package var credentials: [AccountCredential: SecretSource] { key.map { [.account: $0] } ?? [:] }

    package var scope: [String] { [endpoint.rawValue] }

    /// Returns the sources `usage`, `usage_analytics`, `balance`, `rate_limits`, `api_keys` and `rate_limit_log`. All but
    /// `rate_limits` require an ADMIN key: with an inference key the others fail with the reason `auth`, except for
    /// `rate_limit_log`, which then has no series, and `rate_limits` still works.
    package func sources(for account: ProviderAccount) -> [any UsageSource] {
        [
            VeniceUsageSource(api: account.api(for: VeniceUsageSource.endpoint), setting: endpoint),
            VeniceAnalyticsSource(api: account.api(for: VeniceAnalyticsSource.endpoint)),
            VeniceBalanceSource(api: account.api(for: VeniceBalanceSource.endpoint)),
            VeniceRateLimitsSource(api: account.api(for: VeniceRateLimitsSource.endpoint)),
            VeniceKeysSource(api: account.api(for: VeniceKeysSource.endpoint)),
            VeniceThrottleSource(api: account.api(for: VeniceThrottleSource.endpoint)),
        ]
    }
}
