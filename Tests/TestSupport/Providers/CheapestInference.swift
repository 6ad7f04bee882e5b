import ProviderSimulator
import UsageModel

extension TestedProvider {
    package static let cheapestinference = TestedProvider(
        name: "cheapestinference", usageSource: "api_usage",
        settings: [
            "management_key: \(token(of: "cheapestinference"))",
            "keys: [ { name: web, api_key: token-of-the-key-web } ]",
        ],
        hasModels: false, sourcesWithoutPermission: ["usage"],
        fuzzedSettings: [
            ["management_key: mk", "keys: [ { name: web, api_key: sk-web }, { name: batch, api_key: sk-batch } ]"],
            ["management_key: mk", "key_ids: [key-uuid, key_batch]"],
        ]
    ) { clock in
        let key = CheapestInferenceKey(
            .init(id: "id-web", name: "web", token: "token-of-the-key-web", createdAt: clock.now - .days(40)),
            clock: clock)
        let account = CheapestInferenceAccount(
            name: "cheapestinference", managementToken: token(of: "cheapestinference"), keys: [key],
            balance: PrepaidBalance(opening: ExactDecimal(5000)))
        return Account(provider: CheapestInferenceAPI(accounts: [account])) { _, time in
            key.add(CheapestInferenceRequest(time: time, cost: cost, promptTokens: 100, completionTokens: 20))
        }
    }
}
