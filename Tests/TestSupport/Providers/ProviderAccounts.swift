import ProviderSimulator
import UsageModel

/// One simulated account per provider, with some usage.
package struct ProviderAccounts: Sendable {
    package let providers: [any SimulatedProvider]
    private let accounts: [TestedProvider: TestedProvider.Account]
    private let clock: any WallClock

    /// Creates accounts with three requests each within the last half hour.
    package init(clock: any WallClock) {
        self.clock = clock
        let accounts = TestedProvider.all.map { ($0, $0.account(clock)) }
        providers = accounts.map(\.1.provider)
        self.accounts = Dictionary(accounts) { first, _ in first }
        for provider in TestedProvider.all {
            for index in 0..<3 { use(provider, model: "model-\(index % 2)", ago: .minutes(10 * index + 1)) }
        }
    }

    /// Adds one request to an account.
    package func use(_ provider: TestedProvider, model: String = "model-0", ago: Duration = .minutes(1)) {
        accounts[provider]?.use(model, clock.now - ago)
    }
}
