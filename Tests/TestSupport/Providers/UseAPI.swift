import ProviderSimulator
import UsageModel

extension TestedProvider {
    package static let useapi = TestedProvider(
        name: "useapi", usageSource: "stats/midjourney",
        settings: ["api_key: \(token(of: "useapi"))", "bots: [midjourney]"],
        fuzzedSettings: [["api_key: key", "bots: [google-flow]", "prices: { imagen-4: 0.02, google-flow: 2 }"]]
    ) { clock in
        let store = UseAPIRequestStore(clock: clock)
        let account = UseAPIAccount(
            name: "useapi", token: token(of: "useapi"), store: store,
            services: [UseAPIAccount.Service("Midjourney API", active: 2)])
        return Account(provider: UseAPIAPI(accounts: [account])) { model, time in
            store.add(
                UseAPIRequest(
                    time: time, bot: "midjourney", config: "team@example.com", endpoint: "post-imagine", model: model))
        }
    }
}
