import ProviderSimulator
import UsageModel

extension TestedProvider {
    package static let venice = TestedProvider(
        name: "venice", usageSource: "usage", settings: ["api_key: \(token(of: "venice"))"],
        optionalSources: ["usage_analytics"],
        fuzzedSettings: [["api_key: key"], ["api_key: key", "endpoint: usage"]]
    ) { clock in
        let store = VeniceBillingStore(clock: clock)
        var account = VeniceAccount(
            name: "venice", adminToken: token(of: "venice"), store: store,
            balance: PrepaidBalance(opening: ExactDecimal(5000)))
        account.keys = [VeniceKey(id: "key-a", description: "team a", created: clock.now - .days(9))]
        account.limits = [VeniceModelLimit(model: "model-0", amounts: ["RPM": 50])]
        return Account(provider: VeniceAPI(accounts: [account])) { model, time in
            store.add(
                VeniceCharge(
                    id: "r-\(time.milliseconds)", time: time, model: model, work: .images(1), unitPrice: cost))
        }
    }
}
