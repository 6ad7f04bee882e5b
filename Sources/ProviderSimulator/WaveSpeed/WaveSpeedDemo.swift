import UsageModel

/// A media team with a large budget, and a small studio.
enum WaveSpeedDemo: DemoPart {
    static func demo(
        _ clock: any WallClock, _ seed: UInt64, _ era: DemoWorld.Era
    ) -> (provider: any SimulatedProvider, accounts: [DemoWorld.Account]) {
        let accounts = [
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
        return (
            WaveSpeedAPI(accounts: accounts),
            accounts.map { account in
                // About the cost of a whole month.
                let budget = account.name == "media" ? ["budget: { monthly_usd: 7500 }"] : []
                return DemoWorld.Account(
                    provider: "wavespeed", name: account.name, basePath: "/wavespeed",
                    settings: ["api_key: \(account.token)"] + budget)
            }
        )
    }
}

extension TrafficProfile {
    /// Images all day, video for campaigns, a video model whose usage climbs over ten days, and one whose failure rate
    /// climbs over twelve.
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

    /// A small studio: mostly speech and music, a few video clips.
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
