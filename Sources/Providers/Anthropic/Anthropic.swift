import ConfigReading
import Upstream
import UsageModel

/// Anthropic: cost, requests and tokens by key, model and UTC day, the organization's keys and rate limits.
///
/// Two generations of its API report cost and tokens (``AnthropicGeneration``); the older one knows no requests and no
/// cost by key.
package enum Anthropic: Provider {
    package typealias Options = AnthropicOptions

    package static let name = "anthropic"

    /// The base URL in Anthropic's documentation.
    package static let defaultBaseURL = "https://api.anthropic.com"

    /// The documentation allows a poll a minute, and short bursts: the readings of one poll and their further pages.
    package static let requestsPerMinute: Int? = 10

    package static let readsWholeOrganization = true

    /// Returns a call with the header fields that every request needs.
    ///
    /// - Parameter beta: the beta feature of the endpoint; nil if it has none.
    static func call(_ path: String, query: [(name: String, value: String)], beta: String? = nil) -> UpstreamCall {
        var headers = ["anthropic-version": "2023-06-01"]
        headers["anthropic-beta"] = beta
        return UpstreamCall(.get, path, query: query).sending(headers, credentialIn: .named("x-api-key"))
            .explained(by: meanings(isAnalytics: beta != nil))
    }

    private static func meanings(isAnalytics: Bool) -> [Int: StatusMeaning] {
        let needed = "an admin key of the organization (sk-ant-admin01-…) is needed"
        let refusal = "the API key lacks permission to read this: \(needed)"
        return [
            401: StatusMeaning(.auth, "the API key is missing or wrong: \(needed)"),
            403: StatusMeaning(
                .auth, isAnalytics ? "the organization does not have this API, or \(refusal)" : refusal),
        ]
    }
}

/// The options of an Anthropic account.
package struct AnthropicOptions: ProviderOptions {
    package static let configKeys = SecretReader.keys("api_key") + ["endpoint"]

    package var key: SecretSource?
    package var endpoint = AnthropicEndpointSetting.auto

    package init(key: SecretSource?) { self.key = key }

    package init(_ mapping: ConfigurationMapping, secrets: SecretReader) {
        key = secrets.requiredSecret(
            "api_key", in: mapping,
            otherKinds: [
                "sk-ant-api": "if it is bound to a workspace, it is refused here: "
                    + "an admin key of the organization (sk-ant-admin01-…) is expected",
                "sk-ant-oat": "OAuth tokens are not supported: an admin key (sk-ant-admin01-…) is expected",
            ])
        endpoint = mapping["endpoint"]?.choice(AnthropicEndpointSetting.self) ?? .auto
    }

    package var credentials: [AccountCredential: SecretSource] { key.map { [.account: $0] } ?? [:] }

    package var scope: [String] { [endpoint.rawValue] }

    /// Returns the sources `cost`, `usage`, `api_keys` and `rate_limits`. The last two have no series if the key may not
    /// read them.
    package func sources(for account: ProviderAccount) -> [any UsageSource] {
        let reports = [AnthropicReport.cost, .usage].map { report in
            AnthropicReportSource(report: report, setting: endpoint, api: account.api(for: report.rawValue))
        }
        return reports + [
            AnthropicKeysSource(api: account.api(for: AnthropicKeysSource.endpoint)),
            AnthropicRateLimitsSource(api: account.api(for: AnthropicRateLimitsSource.endpoint)),
        ]
    }
}

/// The account's option `endpoint`: the generation of the API to read.
package enum AnthropicEndpointSetting: String, Sendable, Hashable, CaseIterable {
    /// The newer one if the account has it, else the older one.
    case auto
    /// Only the newer one.
    case analytics
    /// Only the older one.
    case reports
}
