import ProviderSimulator
import UsageModel

/// One simulated account per provider, with some usage.
package struct ProviderAccounts: Sendable {
    /// The providers by their names in the config and in the simulator's paths.
    package enum Provider: String, Sendable, CaseIterable, CustomStringConvertible {
        case wavespeed, fairstack, venice, cheapestinference, useapi

        /// The provider's name, also used as the account's name.
        package var description: String { rawValue }

        /// The endpoint of its usage, as in the label `source`; for CheapestInference, the one for request counts.
        package var usageSource: String {
            switch self {
            case .wavespeed: "usage_stats"
            case .fairstack, .venice: "usage"
            case .cheapestinference: "api_usage"
            case .useapi: "stats/\(ProviderAccounts.bot)"
            }
        }

        /// The account's key, which no failure may expose.
        package var token: String { "token-of-\(rawValue)" }
    }

    /// The bot of the useapi.net account.
    package static let bot = "midjourney"
    /// Name and value of the CheapestInference account's consumption key.
    package static let key = (name: "web", token: "token-of-the-key-web")

    package let providers: [any SimulatedProvider]
    private let clock: any WallClock
    private let waveSpeed: UsageEventStore
    private let fairStack: FairStackStore
    private let venice: VeniceBillingStore
    private let inference: CheapestInferenceKey
    private let useAPI: UseAPIRequestStore

    /// Creates accounts with three requests each within the last half hour.
    package init(clock: any WallClock) {
        self.clock = clock
        waveSpeed = UsageEventStore(clock: clock)
        fairStack = FairStackStore(clock: clock)
        venice = VeniceBillingStore(clock: clock)
        useAPI = UseAPIRequestStore(clock: clock)
        let now = clock.now
        let balance = PrepaidBalance(opening: ExactDecimal(5000))
        inference = CheapestInferenceKey(
            .init(id: "id-web", name: Self.key.name, token: Self.key.token, createdAt: now - .days(40)), clock: clock)
        var veniceAccount = VeniceAccount(
            name: "venice", adminToken: Provider.venice.token, store: venice, balance: balance)
        veniceAccount.keys = [VeniceKey(id: "key-a", description: "team a", created: now - .days(9))]
        veniceAccount.limits = [VeniceModelLimit(model: "model-0", amounts: ["RPM": 50])]
        var fairStackAccount = FairStackAccount(
            name: "fairstack", token: Provider.fairstack.token, store: fairStack)
        fairStackAccount.forms.hasKeyList = true
        var waveSpeedAccount = WaveSpeedAccount(
            name: "wavespeed", token: Provider.wavespeed.token, store: waveSpeed, balance: balance)
        waveSpeedAccount.quirks.listsJobs = true
        providers = [
            WaveSpeedAPI(accounts: [waveSpeedAccount]),
            FairStackAPI(accounts: [fairStackAccount]),
            VeniceAPI(accounts: [veniceAccount]),
            CheapestInferenceAPI(accounts: [
                CheapestInferenceAccount(
                    name: "cheapestinference", managementToken: Provider.cheapestinference.token, keys: [inference],
                    balance: balance)
            ]),
            UseAPIAPI(accounts: [
                UseAPIAccount(
                    name: "useapi", token: Provider.useapi.token, store: useAPI,
                    services: [UseAPIAccount.Service("Midjourney API", active: 2)])
            ]),
        ]
        for provider in Provider.allCases {
            for index in 0..<3 { use(provider, model: "model-\(index % 2)", ago: .minutes(10 * index + 1)) }
        }
    }

    /// Cost of each request, in USD; useapi.net reports no cost.
    package static let cost = ExactDecimal(micros: 250_000)

    /// Adds one request that costs `cost` to an account.
    package func use(_ provider: Provider, model: String = "model-0", ago: Duration = .minutes(1)) {
        let time = clock.now - ago
        switch provider {
        case .wavespeed:
            waveSpeed.add(
                UsageEvent(
                    time: time, model: model, modality: "text-to-image", unitPrice: Self.cost, cost: Self.cost))
        case .fairstack:
            fairStack.add([
                FairStackTransaction(
                    id: "t-\(time.milliseconds)", time: time, model: model, modality: "image", micro: 250_000)
            ])
        case .venice:
            venice.add(
                VeniceCharge(
                    id: "r-\(time.milliseconds)", time: time, model: model, work: .images(1), unitPrice: Self.cost))
        case .cheapestinference:
            inference.add(
                CheapestInferenceRequest(time: time, cost: Self.cost, promptTokens: 100, completionTokens: 20))
        case .useapi:
            useAPI.add(
                UseAPIRequest(
                    time: time, bot: Self.bot, config: "team@example.com", endpoint: "post-imagine", model: model))
        }
    }
}
