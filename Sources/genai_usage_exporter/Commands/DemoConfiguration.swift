import ExporterCore
import ProviderSimulator

extension ExporterConfiguration {
    /// A config for simulated accounts, whose APIs are served at `baseURL`.
    init(of world: DemoWorld, at baseURL: String) {
        self.init(
            accounts: world.accounts.compactMap { simulated in
                ProviderName(rawValue: simulated.provider).map { provider in
                    var account = AccountConfiguration(
                        name: simulated.name, provider: provider, credential: simulated.token.map(SecretSource.literal))
                    account.managementKey = simulated.managementToken.map(SecretSource.literal)
                    account.keys = simulated.keys.map {
                        KeyConfiguration(name: $0.name, id: $0.id, credential: $0.token.map(SecretSource.literal))
                    }
                    account.bots = simulated.bots
                    account.prices = simulated.prices
                    account.monthlyBudget = simulated.monthlyBudget
                    account.baseURL = baseURL + simulated.basePath
                    // Live traffic should be seen to move, so the demo asks more often than a real account would.
                    account.syncInterval = .seconds(30)
                    account.isSyncIntervalOwn = true
                    return account
                }
            })
        global.syncInterval = .seconds(30)
    }
}
