import UsageModel

/// An organization whose keys belong to a support agent, a code review and a nightly classification; some use comes from
/// the playground. One key of an earlier agent is archived.
enum AnthropicDemo: DemoPart {
    static func demo(
        _ clock: any WallClock, _ seed: UInt64, _ era: DemoWorld.Era
    ) -> (provider: any SimulatedProvider, accounts: [DemoWorld.Account]) {
        var keys = [
            AnthropicKey(id: "apikey_demo01supportagent", name: "support-agent", created: era.start - .days(160)),
            AnthropicKey(id: "apikey_demo02codereview", name: "code-review", created: era.start - .days(75)),
            AnthropicKey(id: "apikey_demo03classification", name: "ticket-classes", created: era.start - .days(20)),
            AnthropicKey(id: "apikey_demo04oldagent", name: "support-agent-2025", created: era.start - .days(400)),
        ]
        keys[2].expires = era.start + era.history + .days(25)
        keys[3].status = "archived"
        var account = AnthropicAccount(
            name: "claude", token: "demo-anthropic-claude",
            store: UsageEventStore(
                clock: clock, traffic: era.traffic(of: "anthropic/claude", .claudeTeam, seed: seed)))
        account.keys = keys
        account.usedKeysByModel = [
            "claude-sonnet-5": [keys[0].id, keys[0].id, nil], "claude-haiku-5": [keys[0].id, keys[2].id],
            "claude-opus-5": [keys[1].id],
        ]
        account.limits = TrafficProfile.claudeTeam.models.map { model in
            (
                models: [model.id],
                values: [
                    "requests_per_minute": 4000, "input_tokens_per_minute": 2_000_000,
                    "output_tokens_per_minute": 400_000,
                ]
            )
        }
        // Shorter than the provider's four hours, so that a demo has figures of its own day.
        account.conditions.current.refreshInterval = .minutes(10)
        return (
            AnthropicAPI(accounts: [account]),
            [
                DemoWorld.Account(
                    provider: "anthropic", name: account.name, basePath: "/anthropic",
                    settings: ["api_key: \(account.token)"])
            ]
        )
    }
}

extension TrafficProfile {
    /// Prices are those of a typical request.
    fileprivate static let claudeTeam = TrafficProfile(
        requestsPerHour: 70,
        models: [
            Model(
                "claude-sonnet-5", modality: "text", unitPrice: ExactDecimal(micros: 9_300), units: [1, 1, 2, 4],
                share: 55),
            Model(
                "claude-haiku-5", modality: "text", unitPrice: ExactDecimal(micros: 1_150), units: [1, 2], share: 35),
            Model(
                "claude-opus-5", modality: "text", unitPrice: ExactDecimal(micros: 31_000), units: [1, 2, 3], share: 10,
                demand: .climbing(to: 3, days: 8)),
        ], lateShare: 0.01, lateness: .minutes(20))
}
