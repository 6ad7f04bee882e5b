import UsageModel

/// A router for several teams: keys with their own names in two workspaces, one with a monthly budget, and models that run
/// with own keys of their vendors.
enum OpenRouterDemo: DemoPart {
    static func demo(
        _ clock: any WallClock, _ seed: UInt64, _ era: DemoWorld.Era
    ) -> (provider: any SimulatedProvider, accounts: [DemoWorld.Account]) {
        var keys = [
            OpenRouterKey("5d1c07", name: "docs-search", token: "demo-or-docs", createdAt: era.start - .days(60)),
            OpenRouterKey("a94be2", name: "code-review", token: "demo-or-review", createdAt: era.start - .days(41)),
            OpenRouterKey("e30f76", name: "evaluations", token: "demo-or-eval", createdAt: era.start - .days(12)),
        ]
        // Spent in about three weeks.
        keys[1].limit = ExactDecimal(260)
        keys[1].limitReset = "monthly"
        keys[2].workspace = "00000000-0000-4000-8000-000000000002"
        keys[2].expiresAt = era.start + era.history + .days(75)
        let profiles = [TrafficProfile.docsSearch, .codeReview, .evaluations]
        let sources = zip(keys, profiles).map { key, profile in
            OpenRouterStore.Source(
                key: key.hash, traffic: era.traffic(of: "openrouter/\(key.name)", profile, seed: seed),
                ownKeyModels: ["anthropic/claude-demo-5-20260901"])
        }
        let account = OpenRouterAccount(
            name: "router", managementToken: "demo-openrouter-management",
            store: OpenRouterStore(clock: clock, keys: keys, paidIn: ExactDecimal(2500), sources: sources))
        return (
            OpenRouterAPI(accounts: [account]),
            [
                DemoWorld.Account(
                    provider: "openrouter", name: account.name, basePath: "/openrouter",
                    settings: ["management_key: \(account.managementToken)"])
            ]
        )
    }
}

extension TrafficProfile {
    /// Searches in documents, on small models.
    fileprivate static let docsSearch = TrafficProfile(
        requestsPerHour: 70,
        models: [
            Model("google/gemini-demo-flash", modality: "text", unitPrice: ExactDecimal(micros: 640), share: 60),
            Model(
                "qwen/qwen-demo-30b", modality: "text", unitPrice: ExactDecimal(micros: 210), units: [1, 2], share: 40),
        ], lateShare: 0.01, lateness: .minutes(15))

    /// Reviews of changes in office hours, partly with an own key.
    fileprivate static let codeReview = TrafficProfile(
        requestsPerHour: 18,
        models: [
            Model(
                "anthropic/claude-demo-5-20260901", modality: "text", unitPrice: ExactDecimal(micros: 31_000),
                units: [1, 2, 3], share: 45),
            Model(
                "openai/gpt-demo-9-2026-10-01", modality: "text", unitPrice: ExactDecimal(micros: 22_000),
                units: [1, 2],
                share: 55),
        ], lateShare: 0.01, lateness: .minutes(15))

    /// Nightly evaluations of models.
    fileprivate static let evaluations = TrafficProfile(
        requestsPerHour: 25, dailyRhythm: [5, 6, 6, 4, 3] + Array(repeating: 0, count: 19),
        models: [
            Model("openai/gpt-demo-9-2026-10-01", modality: "text", unitPrice: ExactDecimal(micros: 14_000), share: 1),
            Model("deepseek/deepseek-demo-4", modality: "text", unitPrice: ExactDecimal(micros: 900), share: 2),
        ], lateShare: 0, lateness: .minutes(1))
}
