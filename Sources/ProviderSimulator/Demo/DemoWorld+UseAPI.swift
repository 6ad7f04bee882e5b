import UsageModel

extension DemoWorld {
    /// The useapi.net account of the demo: images and video by Google Flow, Midjourney and Kling.
    static func useAPI(clock: any WallClock, seed: UInt64, era: Era) -> (UseAPIAPI, Account) {
        let name = "clips"
        let bots: [(name: String, configs: [UseAPITraffic.Config], profile: TrafficProfile)] = [
            (
                "google-flow",
                [
                    UseAPITraffic.Config("flow-1@example.com", tier: "PAYGATE_TIER_TWO", sku: "WS_ULTRA"),
                    UseAPITraffic.Config("flow-2@example.com", tier: "PAYGATE_TIER_ONE", sku: "G1_TIER1"),
                    UseAPITraffic.Config("flow-3@example.com", tier: "PAYGATE_TIER_NOT_PAID", sku: "G1_FREEMIUM"),
                ], .googleFlow
            ),
            ("midjourney", [UseAPITraffic.Config("1180000000000000001")], .midjourney),
            ("kling", [UseAPITraffic.Config("kling@example.com")], .kling),
        ]
        let store = UseAPIRequestStore(
            clock: clock,
            traffic: bots.map {
                UseAPITraffic(
                    bot: $0.name, account: name, configs: $0.configs, profile: $0.profile.scaled(by: era.load),
                    seed: seed, start: era.start)
            })
        let account = UseAPIAccount(
            name: name, token: "demo-useapi-\(name)", store: store,
            services: [
                UseAPIAccount.Service("Google Flow API", active: 3),
                UseAPIAccount.Service("Midjourney API", active: 1, error: 1),
                UseAPIAccount.Service("Kling API", active: 1),
            ])
        var configured = Account(provider: "useapi", name: name, token: account.token, basePath: "/useapi")
        configured.bots = bots.map(\.name)
        configured.prices = [
            "veo-3.1-fast": ExactDecimal(micros: 100_000), "imagen-4": ExactDecimal(micros: 20_000),
            "nano-banana-pro": ExactDecimal(micros: 40_000), "midjourney": ExactDecimal(micros: 30_000),
        ]
        return (UseAPIAPI(accounts: [account]), configured)
    }
}

// What models cost does not show at useapi.net, so the list prices here are all zero.
extension TrafficProfile {
    /// Mostly images, some video, a captcha before each, and refusals that grow until the accounts are cared for.
    fileprivate static let googleFlow = TrafficProfile(
        requestsPerHour: 45,
        models: [
            Model("imagen-4", modality: "post-images", unitPrice: .zero, share: 20, failureRate: 0.05),
            Model("nano-banana-pro", modality: "post-images", unitPrice: .zero, share: 30, failureRate: 0.08),
            Model(
                "veo-3.1-fast", modality: "post-videos", unitPrice: .zero, share: 40, failureRate: 0.08,
                failures: .climbing(to: 6, days: 9)),
            Model("veo-3.1-upscale", modality: "post-videos-upscale", unitPrice: .zero, share: 3),
        ], lateShare: 0)

    /// No models are told: what it did is found under the bot's name.
    fileprivate static let midjourney = TrafficProfile(
        requestsPerHour: 18,
        models: [
            Model("", modality: "post-imagine", unitPrice: .zero, share: 60, failureRate: 0.02),
            Model("", modality: "post-button", unitPrice: .zero, share: 30, failureRate: 0.04),
        ], lateShare: 0)

    /// A few clips.
    fileprivate static let kling = TrafficProfile(
        requestsPerHour: 6,
        models: [
            Model("kling-v2-5", modality: "post-videos", unitPrice: .zero, share: 5, failureRate: 0.03),
            Model("kling-v2-1-master", modality: "post-videos", unitPrice: .zero, share: 1, failureRate: 0.1),
        ], lateShare: 0)
}
