import ProviderSimulator
import UsageModel

extension TestedProvider {
    package static let wavespeed = TestedProvider(
        name: "wavespeed", usageSource: "usage_stats",
        // Outcomes by model need a query for each model.
        settings: ["api_key: \(token(of: "wavespeed"))", "success_by_model: false"],
        sourcesMissingInDemo: ["predictions"],
        fuzzedSettings: [["api_key: key"], ["api_key: key", "success_by_model: false", "cost_by_key: true"]]
    ) { clock in
        let store = UsageEventStore(clock: clock)
        var account = WaveSpeedAccount(
            name: "wavespeed", token: token(of: "wavespeed"), store: store,
            balance: PrepaidBalance(opening: ExactDecimal(5000)))
        account.quirks.listsJobs = true
        return Account(provider: WaveSpeedAPI(accounts: [account])) { model, time in
            store.add(
                UsageEvent(time: time, model: model, modality: "text-to-image", unitPrice: cost, cost: cost))
        }
    }
}
