import UsageModel

/// The demo's useapi.net account: images and video by Google Flow, Midjourney and Kling.
enum UseAPIDemo: DemoPart {
    static func demo(
        _ clock: any WallClock, _ seed: UInt64, _ era: DemoWorld.Era
    ) -> (provider: any SimulatedProvider, accounts: [DemoWorld.Account]) {
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
        let prices = "{ veo-3.1-fast: 0.1, imagen-4: 0.02, nano-banana-pro: 0.04, midjourney: 0.03 }"
        return (
            UseAPIAPI(accounts: [account]),
            [
                DemoWorld.Account(
                    provider: "useapi", name: name, basePath: "/useapi",
                    settings: [
                        "api_key: \(account.token)", "bots: [ \(bots.map(\.name).joined(separator: ", ")) ]",
                        "prices: \(prices)",
                    ])
            ]
        )
    }
}

// useapi.net does not report model prices, so the list prices here are zero.
extension TrafficProfile {
    /// Mostly images, some video, a captcha before each, and a growing refusal rate that resets periodically.
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

    /// Reports no models; usage appears under the bot's name.
    fileprivate static let midjourney = TrafficProfile(
        requestsPerHour: 18,
        models: [
            Model("", modality: "post-imagine", unitPrice: .zero, share: 60, failureRate: 0.02),
            Model("", modality: "post-button", unitPrice: .zero, share: 30, failureRate: 0.04),
        ], lateShare: 0)

    fileprivate static let kling = TrafficProfile(
        requestsPerHour: 6,
        models: [
            Model("kling-v2-5", modality: "post-videos", unitPrice: .zero, share: 5, failureRate: 0.03),
            Model("kling-v2-1-master", modality: "post-videos", unitPrice: .zero, share: 1, failureRate: 0.1),
        ], lateShare: 0)
}
