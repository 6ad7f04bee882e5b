import ProviderSimulator
import UsageModel

/// A provider for the tests that run with all of them: a simulated account with usage, and its config. To add one, add a
/// file next to this one and a line in `all`.
package struct TestedProvider: Sendable {
    /// The simulated account.
    struct Account: Sendable {
        let provider: any SimulatedProvider
        /// Adds one request that costs `cost`, or that has no cost if the provider reports none.
        let use: @Sendable (_ model: String, _ time: Timestamp) -> Void
    }

    /// All providers, in the order of the exporter's list.
    package static let all = [
        wavespeed, fairstack, venice, cheapestinference, useapi, openrouter, anthropic, openai,
    ]

    /// Cost of each request, in USD.
    package static let cost = ExactDecimal(micros: 250_000)

    /// The provider's name in the config, also the account's name and the beginning of the simulator's paths.
    package let name: String
    /// The endpoint of its usage, as in the label `source`, which reports its requests.
    package let usageSource: String
    /// The lines of the account's section in the config file with its keys and options.
    package let settings: [String]
    /// Whether usage has the label `model`.
    package var hasModels = true
    /// Sources whose endpoint may be missing (404), according to the provider's documentation.
    package var optionalSources: Set<String> = []
    /// Sources that succeed without permission (403), because it is a known state of a key.
    package var sourcesWithoutPermission: Set<String> = []
    /// Sources whose endpoint the demo's API does not have.
    package var sourcesMissingInDemo: Set<String> = []
    /// The options of accounts that together send every form of request, for the fuzz target of the provider's responses.
    package let fuzzedSettings: [[String]]
    let account: @Sendable (any WallClock) -> Account

    /// The account's key, which no failure may expose.
    package var token: String { Self.token(of: name) }

    static func token(of name: String) -> String { "token-of-\(name)" }
}

extension TestedProvider: Hashable, CustomStringConvertible {
    package static func == (left: TestedProvider, right: TestedProvider) -> Bool { left.name == right.name }

    package func hash(into hasher: inout Hasher) { hasher.combine(name) }

    package var description: String { name }
}
