import UsageModel

/// The simulated accounts behind the `demo` command: some history, and live traffic.
///
/// ```swift
/// let world = DemoWorld(clock: clock)
/// let server = SimulatorServer(world.providers, clock: clock)
/// // … for each of world.accounts a config entry with base_url = server.baseURL + account.basePath
/// ```
package struct DemoWorld: Sendable {
    /// An account as the exporter's config has it.
    package struct Account: Sendable, Hashable {
        /// The provider's name: `wavespeed`.
        package let provider: String
        package let name: String
        /// Appended to the server's base URL: `/wavespeed`.
        package let basePath: String
        /// The other lines of its section in the config file. Keys are valid only at the simulator.
        package let settings: [String]
    }

    /// The accounts, in the order in which a config should list them.
    package let accounts: [Account]
    /// The items of the config's section `owners`. Every account has an owner.
    package let owners = [
        #"{ name: video, cost_center: "4711", accounts: [media, studio, clips] }"#,
        #"{ name: support, cost_center: "0815", accounts: [assistant, inference, claude, gpt] }"#,
        #"{ name: website, cost_center: "4712", accounts: [stack], keys: [web] }"#,
        "{ name: platform, accounts: [stack, router] }",
    ]
    package let providers: [any SimulatedProvider]

    /// Start and volume of an account's traffic.
    struct Era {
        let start: Timestamp
        /// Distance of the start from now.
        let history: Duration
        /// Multiplier for every account's requests.
        let load: Double

        func traffic(of account: String, _ profile: TrafficProfile, seed: UInt64) -> TrafficGenerator {
            TrafficGenerator(seed: seed, account: account, profile: profile.scaled(by: load), start: start)
        }
    }

    /// Creates accounts whose history ends now; the same seed always gives the same history.
    ///
    /// - Parameters:
    ///   - history: length of the history.
    ///   - load: multiplier for every account's requests.
    package init(clock: any WallClock, seed: UInt64 = 1, history: Duration = .days(31), load: Double = 1) {
        // Starts at midnight, so that the oldest day is complete.
        let era = Era(start: (clock.now - history).day.start, history: history, load: load)
        let demos = Self.parts.map { $0.demo(clock, seed, era) }
        providers = demos.map(\.provider)
        accounts = demos.flatMap(\.accounts)
    }

    /// The demo accounts of each provider. To add one, add a file next to its simulated API and a line here.
    private static let parts: [any DemoPart.Type] = [
        WaveSpeedDemo.self, FairStackDemo.self, VeniceDemo.self, CheapestInferenceDemo.self, UseAPIDemo.self,
        OpenRouterDemo.self, AnthropicDemo.self, OpenAIDemo.self,
    ]
}

/// The demo accounts of one provider.
protocol DemoPart: Sendable {
    static func demo(
        _ clock: any WallClock, _ seed: UInt64, _ era: DemoWorld.Era
    ) -> (provider: any SimulatedProvider, accounts: [DemoWorld.Account])
}
