import UsageModel

/// An account with keys of two teams and a nightly batch: a subscription near its budget, one with room, a credit
/// key; and pledges to two pools, of which one is canceled.
enum CheapestInferenceDemo: DemoPart {
    static func demo(
        _ clock: any WallClock, _ seed: UInt64, _ era: DemoWorld.Era
    ) -> (provider: any SimulatedProvider, accounts: [DemoWorld.Account]) {
        // The search key's 30-day budget period is nearly over, and its budget nearly spent.
        let daysBefore = [6, 25, 28]
        let keys = [
            (name: "assistant", id: "3f1c6a52-8d0e-4b7a-9c55-2a6f0e7d1b01", profile: TrafficProfile.assistant),
            (name: "search", id: "9b2e47d8-51f3-4c1e-8a0d-77c4b8e93c02", profile: .search),
            (name: "nightly-batch", id: "c05d9f6b-2a74-4e68-b1f9-5d3e8a6c4f03", profile: .nightlyBatch),
        ].enumerated().map { index, key in
            var properties = CheapestInferenceKey.Properties(
                id: key.id, name: key.name, token: "demo-sk-\(key.name)",
                createdAt: era.start - .days(daysBefore[index]))
            if index < 2 {
                properties.plan = index == 0 ? "pro" : "standard"
                // The second subscription is not renewed: it expires three days after the demo starts.
                properties.expiresAt = era.start + era.history + .days(index == 0 ? 53 : 3)
                properties.budgetLimit = ExactDecimal(index == 0 ? 60 : 10)
            }
            if index == 0 {
                properties.requestsPerMinute = 200
                properties.tokensPerMinute = 13_333
            }
            return CheapestInferenceKey(
                properties, clock: clock,
                traffic: era.traffic(of: "cheapestinference/\(key.name)", key.profile, seed: seed))
        }
        var pledges = ["kimi26", "minimax-m3"].enumerated().map { index, pool in
            CheapestInferenceSubscription(
                id: "pledge-\(pool)", slug: pool, isPool: true,
                periodEnd: era.start + era.history + .days(index == 0 ? 12 : 20))
        }
        pledges[1].cancelsAtPeriodEnd = true
        let account = CheapestInferenceAccount(
            name: "inference", managementToken: "demo-mk-inference", keys: keys,
            balance: PrepaidBalance(
                opening: ExactDecimal(80), topUp: .init(below: ExactDecimal(15), amount: ExactDecimal(50))),
            subscriptions: pledges)
        let listed = keys.map { "{ name: \($0.properties.name), api_key: \($0.properties.token) }" }
        return (
            CheapestInferenceAPI(accounts: [account]),
            [
                DemoWorld.Account(
                    provider: "cheapestinference", name: account.name, basePath: "/cheapestinference",
                    settings: [
                        "management_key: \(account.managementToken)", "keys: [ \(listed.joined(separator: ", ")) ]",
                    ])
            ]
        )
    }
}

extension TrafficProfile {
    /// A chat assistant in office hours, on two open models.
    fileprivate static let assistant = TrafficProfile(
        requestsPerHour: 90,
        models: [
            Model("deepseek-v3", modality: "text", unitPrice: ExactDecimal(micros: 410), units: [1, 2, 3], share: 70),
            Model("qwen3-235b", modality: "text", unitPrice: ExactDecimal(micros: 290), units: [1, 2], share: 30),
        ], lateShare: 0.01, lateness: .minutes(20))

    /// Summaries of search results: many and small.
    fileprivate static let search = TrafficProfile(
        requestsPerHour: 150,
        models: [Model("llama-3.3-70b", modality: "text", unitPrice: ExactDecimal(micros: 95), share: 1)],
        lateShare: 0.01, lateness: .minutes(20))

    /// Summaries generated at night.
    fileprivate static let nightlyBatch = TrafficProfile(
        requestsPerHour: 40, dailyRhythm: [4, 6, 6, 5, 3] + Array(repeating: 0, count: 19),
        models: [Model("deepseek-v3", modality: "text", unitPrice: ExactDecimal(micros: 620), share: 1)],
        lateShare: 0, lateness: .minutes(1))
}
