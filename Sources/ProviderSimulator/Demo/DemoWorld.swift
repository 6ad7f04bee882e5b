import UsageModel

/// The simulated accounts behind the `demo` command: some history, and traffic that goes on.
///
/// ```swift
/// let world = DemoWorld(clock: clock)
/// let server = SimulatorServer(world.providers, clock: clock)
/// // … for each of world.accounts a config entry with base_url = server.baseURL + account.basePath
/// ```
package struct DemoWorld: Sendable {
    /// What the exporter's config needs to know of an account.
    package struct Account: Sendable, Hashable {
        /// The provider's name: `wavespeed`.
        package let provider: String
        /// The account's name.
        package let name: String
        /// Its key; it opens nothing but the simulator. Nil where the provider has none for the account.
        package var token: String?
        /// What follows the server's base URL: `/wavespeed`.
        package let basePath: String
        /// Its management key, where the provider has such.
        package var managementToken: String?
        /// Its keys, where they are read apart.
        package var keys: [Key] = []
        /// Its bots, where it has such.
        package var bots: [String] = []
        /// USD for a successful request by model, where the provider reports no cost.
        package var prices: [String: ExactDecimal] = [:]
        /// A monthly budget of our own in USD.
        package var monthlyBudget: ExactDecimal?

        /// One of an account's keys.
        package struct Key: Sendable, Hashable {
            /// How it is called.
            package let name: String
            /// The provider's id of it.
            package var id: String?
            /// What it is used by.
            package var token: String?
        }
    }

    /// The accounts, in the order in which a config should list them.
    package let accounts: [Account]
    /// The APIs to serve.
    package let providers: [any SimulatedProvider]

    /// When an account's traffic begins, and how much of it there is.
    struct Era {
        /// Where the history begins.
        let start: Timestamp
        /// How far it reaches back from the present.
        let history: Duration
        /// By what every account's requests are multiplied.
        let load: Double

        func traffic(of account: String, _ profile: TrafficProfile, seed: UInt64) -> TrafficGenerator {
            TrafficGenerator(seed: seed, account: account, profile: profile.scaled(by: load), start: start)
        }
    }

    /// A world whose history ends now; the same seed has the same history, whenever it is looked at.
    ///
    /// - Parameters:
    ///   - history: how far the history reaches back.
    ///   - load: by what every account's requests are multiplied.
    package init(clock: any WallClock, seed: UInt64 = 1, history: Duration = .days(31), load: Double = 1) {
        // From a midnight on, so that the oldest day shown is whole.
        let era = Era(start: (clock.now - history).day.start, history: history, load: load)
        let waveSpeed = [
            ("media", TrafficProfile.mediaTeam, 250, 900), ("studio", TrafficProfile.studioTeam, 10, 40),
        ].map { name, profile, low, topUp in
            WaveSpeedAccount(
                name: name, token: "demo-wavespeed-\(name)",
                store: UsageEventStore(
                    clock: clock, traffic: era.traffic(of: "wavespeed/\(name)", profile, seed: seed)),
                balance: PrepaidBalance(
                    opening: ExactDecimal(topUp),
                    topUp: .init(below: ExactDecimal(low), amount: ExactDecimal(topUp))))
        }
        let (fairStack, fairStackAccounts) = Self.fairStack(clock: clock, seed: seed, era: era)
        let venice = Self.venice(clock: clock, seed: seed, era: era)
        let inference = Self.cheapestInference(clock: clock, seed: seed, era: era)
        let (useAPI, useAPIAccount) = Self.useAPI(clock: clock, seed: seed, era: era)
        providers = [
            WaveSpeedAPI(accounts: waveSpeed), fairStack, VeniceAPI(accounts: [venice]), inference.provider, useAPI,
        ]
        var waveSpeedAccounts = waveSpeed.map {
            Account(provider: "wavespeed", name: $0.name, token: $0.token, basePath: "/wavespeed")
        }
        // About what a whole month costs.
        waveSpeedAccounts[0].monthlyBudget = ExactDecimal(7500)
        accounts =
            waveSpeedAccounts + fairStackAccounts
            + [Account(provider: "venice", name: venice.name, token: venice.adminToken, basePath: "/venice")]
            + [inference.account, useAPIAccount]
    }
}

extension TrafficProfile {
    /// Images all day, video for campaigns, a video model that runs away every ten days, and one that fails more and
    /// more until its provider mends it.
    static let mediaTeam = TrafficProfile(
        requestsPerHour: 180,
        models: [
            Model(
                "wavespeed-ai/flux-dev", modality: "text-to-image", unitPrice: ExactDecimal(micros: 12_000), share: 46),
            Model(
                "bytedance/seedream-v4", modality: "text-to-image", unitPrice: ExactDecimal(micros: 27_000), share: 21),
            Model(
                "google/nano-banana/edit", modality: "image-to-image", unitPrice: ExactDecimal(micros: 38_000),
                units: [1, 1, 2], share: 13, failureRate: 0.03),
            Model(
                "bytedance/seedance-v1-pro-t2v-720p", modality: "text-to-video",
                unitPrice: ExactDecimal(micros: 300_000), units: [1, 1, 2], share: 2,
                demand: .climbing(to: 6, days: 10), failureRate: 0.02),
            Model(
                "kwaivgi/kling-v2.0-i2v-master", modality: "image-to-video", unitPrice: ExactDecimal(micros: 1_300_000),
                units: [1, 2], share: 0.8, failureRate: 0.02, failures: .climbing(to: 15, days: 12)),
            Model("wavespeed-ai/real-esrgan", modality: "upscaler", unitPrice: ExactDecimal(micros: 2_400), share: 15),
        ])

    /// A small studio: voices and music, now and then a clip.
    static let studioTeam = TrafficProfile(
        requestsPerHour: 60,
        models: [
            Model(
                "minimax/speech-02-hd", modality: "text-to-audio", unitPrice: ExactDecimal(micros: 5_000),
                units: [1, 2, 4], share: 60),
            Model(
                "wavespeed-ai/ace-step", modality: "text-to-audio", unitPrice: ExactDecimal(micros: 200),
                units: [30, 60, 120], share: 25),
            Model(
                "wavespeed-ai/wan-2.1/i2v-480p", modality: "image-to-video", unitPrice: ExactDecimal(micros: 200_000),
                share: 4, failureRate: 0.05),
            Model(
                "wavespeed-ai/flux-schnell", modality: "text-to-image", unitPrice: ExactDecimal(micros: 3_000),
                share: 11),
        ])
}
