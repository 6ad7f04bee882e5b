import ProviderSimulator
import UsageModel

extension TestedProvider {
    package static let fairstack = TestedProvider(
        name: "fairstack", usageSource: "usage", settings: ["api_key: \(token(of: "fairstack"))"],
        fuzzedSettings: [
            ["api_key: key", "keys: [ { name: web, id: key_web }, { name: batch, id: key_batch } ]"], ["api_key: key"],
        ]
    ) { clock in
        let store = FairStackStore(clock: clock)
        var account = FairStackAccount(name: "fairstack", token: token(of: "fairstack"), store: store)
        account.forms.hasKeyList = true
        return Account(provider: FairStackAPI(accounts: [account])) { model, time in
            store.add([
                FairStackTransaction(
                    id: "t-\(time.milliseconds)", time: time, model: model, modality: "image", micro: 250_000)
            ])
        }
    }
}
