import ProviderSimulator
import UsageModel

/// One simulated account at each of the five providers, with a little usage.
package struct ProviderAccounts: Sendable {
    /// The providers by the names that the config and the simulator's paths call them.
    package enum Provider: String, Sendable, CaseIterable, CustomStringConvertible {
        case wavespeed, fairstack, venice, cheapestinference, useapi

        /// The provider's name, which the account has as well.
        package var description: String { rawValue }

        /// The endpoint that its usage comes from, by its label `source`: of CheapestInference, that of the requests.
        package var usageSource: String {
            switch self {
            case .wavespeed: "usage_stats"
            case .fairstack, .venice: "usage"
            case .cheapestinference: "api_usage"
            case .useapi: "stats/\(ProviderAccounts.bot)"
            }
        }

        /// The account's key: no failure may ever show it.
        package var token: String { "token-of-\(rawValue)" }
    }

    /// The bot of the useapi.net account.
    package static let bot = "midjourney"
    /// The consumption key of the CheapestInference account: its name and itself.
    package static let key = (name: "web", token: "token-of-the-key-web")

    /// The APIs to serve.
    package let providers: [any SimulatedProvider]
    private let clock: any WallClock
    private let waveSpeed: UsageEventStore
    private let fairStack: FairStackStore
    private let venice: VeniceBillingStore
    private let inference: CheapestInferenceKey
    private let useAPI: UseAPIRequestStore

    /// Accounts each of which was used three times within the last half hour.
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
        providers = [
            WaveSpeedAPI(accounts: [
                WaveSpeedAccount(
                    name: "wavespeed", token: Provider.wavespeed.token, store: waveSpeed, balance: balance)
            ]),
            FairStackAPI(accounts: [
                FairStackAccount(name: "fairstack", token: Provider.fairstack.token, store: fairStack)
            ]),
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
            for place in 0..<3 { use(provider, model: "model-\(place % 2)", ago: .minutes(10 * place + 1)) }
        }
    }

    /// What each use costs, in USD; useapi.net tells no cost.
    package static let cost = ExactDecimal(micros: 250_000)

    /// Has an account used once more: one request that costs `cost`.
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
