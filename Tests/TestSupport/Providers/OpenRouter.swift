import ProviderSimulator
import UsageModel

extension TestedProvider {
    package static let openrouter = TestedProvider(
        name: "openrouter", usageSource: "analytics",
        settings: ["management_key: \(token(of: "openrouter"))"],
        fuzzedSettings: [
            ["management_key: mk"], ["keys: [ { name: web, api_key: sk-web }, { name: batch, api_key: sk-batch } ]"],
        ]
    ) { clock in
        let key = OpenRouterKey("a1", name: "web", token: "token-of-the-key-a1", createdAt: clock.now - .days(40))
        let store = OpenRouterStore(clock: clock, keys: [key], paidIn: ExactDecimal(5000))
        let account = OpenRouterAccount(name: "openrouter", managementToken: token(of: "openrouter"), store: store)
        return Account(provider: OpenRouterAPI(accounts: [account])) { model, time in
            var charge = OpenRouterCharge(time: time, key: key.hash, model: model, credits: cost)
            charge.prompt = 100
            charge.completion = 20
            store.add([charge])
        }
    }
}
