import ProviderSimulator
import UsageModel

extension TestedProvider {
    package static let anthropic = TestedProvider(
        name: "anthropic", usageSource: "usage", settings: ["api_key: \(token(of: "anthropic"))"],
        fuzzedSettings: [["api_key: key"], ["api_key: key", "endpoint: reports"]]
    ) { clock in
        let store = UsageEventStore(clock: clock)
        var account = AnthropicAccount(name: "anthropic", token: token(of: "anthropic"), store: store)
        account.keys = [AnthropicKey(id: "apikey_web", name: "web", created: clock.now - .days(9))]
        account.usedKeys = ["apikey_web"]
        account.limits = [(models: ["model-0"], values: ["requests_per_minute": 50])]
        return Account(provider: AnthropicAPI(accounts: [account])) { model, time in
            store.add(UsageEvent(time: time, model: model, unitPrice: cost, cost: cost))
        }
    }
}
