import ProviderSimulator
import UsageModel

extension TestedProvider {
    package static let openai = TestedProvider(
        name: "openai", usageSource: "usage", settings: ["api_key: \(token(of: "openai"))"],
        fuzzedSettings: [["api_key: key"], ["api_key: key", "project_ids: [proj_a]"]]
    ) { clock in
        let store = OpenAIStore(clock: clock)
        var account = OpenAIAccount(
            name: "openai", token: token(of: "openai"), store: store,
            keys: [OpenAIProjectKey(id: "key_a", name: "team a", created: clock.now - .days(9))])
        account.spendLimitCents = 100_000
        return Account(provider: OpenAIAPI(accounts: [account])) { model, time in
            var use = OpenAIUse(
                time: time, keyID: "key_a", model: model,
                lines: [.init("\(model), input", cost), .init("\(model), output", .zero)])
            use.input = 120
            use.output = 30
            store.add(use)
        }
    }
}
