import UsageModel
import Upstream

/// useapi.net: requests, outcomes, durations and responses of each bot by UTC day, captcha and plan figures of
/// google-flow, the subscription and its linked accounts. It reports no cost; the config's `prices` give an estimate.
package enum UseAPI: Provider {
    /// `useapi`.
    package static let name = "useapi"

    /// The address in useapi.net's documentation.
    package static let defaultBaseURL = "https://api.useapi.net"

    /// What useapi.net means by statuses of its own. 412 and 596 concern an account of a service that is linked to it.
    static let meanings: [Int: StatusMeaning] = [
        402: StatusMeaning(.auth, "the useapi.net subscription has ended: renew it"),
        412: StatusMeaning(.auth, "a linked account has no credits left: add credits at its service"),
        596: StatusMeaning(
            .auth, "the session of a linked account is broken: connect that account again at useapi.net"),
    ]

    /// `stats/<bot>` for each configured bot, and `account`.
    ///
    /// One endpoint serves all bots, and one bot's trouble (a name that the API refuses) must not hide the others', so
    /// each bot is a source of its own. Any name is asked for: the list of bots changes.
    package static func sources(for account: ProviderAccount) -> [any UsageSource] {
        let bots = account.options.bots.map { bot in
            UseAPIStatsSource(
                bot: bot, prices: account.options.prices, api: account.api(for: UseAPIStatsSource.name(of: bot)))
        }
        return bots + [UseAPIAccountSource(api: account.api(for: UseAPIAccountSource.endpoint))]
    }
}
