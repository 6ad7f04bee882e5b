import Upstream
import UsageModel

/// Venice.ai: cost, credits, requests, tokens and durations by model and UTC hour, cost by key and UTC day, balances,
/// rate limits, and keys with their budgets.
package enum Venice: Provider {
    /// `venice`.
    package static let name = "venice"

    /// The address in Venice.ai's documentation.
    package static let defaultBaseURL = "https://api.venice.ai"

    /// `usage`, `usage_analytics`, `balance`, `rate_limits` and `api_keys`. All but `rate_limits` ask for an ADMIN key:
    /// with an inference key those four fail with the reason `auth`, and `rate_limits` goes on.
    package static func sources(for account: ProviderAccount) -> [any UsageSource] {
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

extension UpstreamAPI {
    /// Sends a call, and tells the context what the answer says about the endpoint's own future.
    func send(_ call: UpstreamCall, telling context: any SyncContext) async throws -> UpstreamResponse {
        do {
            let answer = try await send(call)
            context.notice(UpstreamNotice(headers: answer.headers, now: context.now))
            return answer
        } catch let failure as UpstreamFailure where failure.status == 410 {
            context.notice(UpstreamNotice(goneWith: failure.headers ?? [:], now: context.now))
            throw failure
        }
    }

    /// The same for an endpoint that an account or an older API may be without: nil where there is nothing (404).
    func sendOptional(_ call: UpstreamCall, telling context: any SyncContext) async throws -> UpstreamResponse? {
        do {
            return try await send(call, telling: context)
        } catch let failure as UpstreamFailure where failure.status == 404 {
            return nil
        }
    }
}
