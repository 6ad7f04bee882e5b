import ConfigReading
import Upstream
import UsageModel

/// useapi.net: requests, outcomes, durations and responses of each bot by UTC day, captcha and plan figures of
/// google-flow, the subscription and its linked accounts. The API reports no cost; the config's `prices` give an
/// estimate.
package enum UseAPI: Provider {
    package typealias Options = UseAPIOptions

    package static let name = "useapi"

    /// The base URL in useapi.net's documentation.
    package static let defaultBaseURL = "https://api.useapi.net"

    /// The meanings of useapi.net's own status codes. 412 and 596 concern a linked account of another service.
    static let meanings: [Int: StatusMeaning] = [
        402: StatusMeaning(.auth, "the useapi.net subscription has ended: renew it"),
        412: StatusMeaning(.auth, "a linked account has no credits left: add credits at its service"),
        596: StatusMeaning(
            .auth, "the session of a linked account is broken: connect that account again at useapi.net"),
    ]
}

/// The options of a useapi.net account.
package struct UseAPIOptions: ProviderOptions {
    package static let configKeys = SecretReader.keys("api_key") + ["bots", "prices"]

    package var key: SecretSource?
    /// The bots whose statistics are read.
    package var bots: [String] = []
    /// USD per successful request, by model or bot: estimates, because the API reports no cost.
    package var prices: [String: ExactDecimal] = [:]

    package init(key: SecretSource?) { self.key = key }

    package init(_ mapping: ConfigurationMapping, secrets: SecretReader) {
        key = secrets.requiredSecret("api_key", in: mapping)
        if let value = mapping.required("bots") {
            // Names of bots are compared without case.
            bots = value.distinctTexts(
                of: "bots such as google-flow", read: { $0.name() }, identity: { $0.lowercased() })
            if value.list(of: "bots such as google-flow")?.isEmpty == true {
                value.problem("expected at least one bot such as google-flow")
            }
        }
        for price in mapping["prices"]?.mapping()?.entries ?? [] {
            let expected = "USD a successful request, 0 or more, such as 0.02"
            prices[price.key] = price.value.amount(expected) { !$0.isNegative }
        }
    }

    package var credentials: [AccountCredential: SecretSource] { key.map { [.account: $0] } ?? [:] }

    package var scope: [String] { bots }

    /// Returns the sources `stats/<bot>` for each configured bot, and `account`.
    ///
    /// One endpoint serves all bots. Each bot is a separate source, so that the failure of one bot (such as a name that
    /// the API rejects) does not affect the others. The config may name any bot, because the list of bots changes.
    package func sources(for account: ProviderAccount) -> [any UsageSource] {
        let bots = bots.map { bot in
            UseAPIStatsSource(bot: bot, prices: prices, api: account.api(for: UseAPIStatsSource.name(of: bot)))
        }
        return bots + [UseAPIAccountSource(api: account.api(for: UseAPIAccountSource.endpoint))]
    }
}

// The metric families that only useapi.net reports.
extension LedgerFamily {
    static let useapiResponses = LedgerFamily(
        "genai_useapi_responses_total", .count, ["bot", "key", "operation", "code"],
        "useapi.net responses by bot, operation and HTTP status code.")
    static let captchaAttempts = LedgerFamily(
        "genai_useapi_captcha_attempts_total", .count, ["captcha_provider"],
        "useapi.net captcha attempts by captcha provider.")
    static let captchaRetries = LedgerFamily(
        "genai_useapi_captcha_retries_total", .count, [], "useapi.net captcha retries.")
    static let tierRequests = LedgerFamily(
        "genai_useapi_tier_requests_total", .count, ["tier", "tier_name", "sku", "sku_name"],
        "useapi.net requests by Google plan: tier and SKU with their names.")
}

extension GaugeFamily {
    static let truncatedDays = GaugeFamily(
        "genai_useapi_truncated_lists", ["bot"], merging: .sum,
        "Days whose list of requests the provider truncated, by bot.")
}

extension UseAPI {
    package static let families = UsageFamilies(
        ledger: [.useapiResponses, .captchaAttempts, .captchaRetries, .tierRequests], gauges: [.truncatedDays])
}
