import UsageModel

/// An assistant with steady traffic and some image generation, on three keys with budgets and from the web app.
enum VeniceDemo: DemoPart {
    static func demo(
        _ clock: any WallClock, _ seed: UInt64, _ era: DemoWorld.Era
    ) -> (provider: any SimulatedProvider, accounts: [DemoWorld.Account]) {
        var keys = [
            VeniceKey(id: "key-support-7f31a2", description: "support-bot", created: era.start - .days(120)),
            VeniceKey(id: "key-research-c04d9e", description: "research", created: era.start - .days(45)),
            VeniceKey(id: "key-exporter-118bd0", description: "exporter", type: "ADMIN", created: era.start - .days(9)),
        ]
        keys[0].usdLimit = ExactDecimal(150)
        keys[0].period = "MONTH"
        keys[0].diemLimit = ExactDecimal(250)
        keys[1].usdLimit = ExactDecimal(5)
        let traffic = VeniceTraffic(
            generator: era.traffic(of: "venice/assistant", .assistantTeam, seed: seed),
            keyIDs: [keys[0].id, keys[0].id, keys[1].id, nil])
        var account = VeniceAccount(
            name: "assistant", adminToken: "demo-venice-assistant",
            store: VeniceBillingStore(clock: clock, traffic: traffic),
            balance: PrepaidBalance(
                opening: ExactDecimal(100), topUp: .init(below: ExactDecimal(15), amount: ExactDecimal(100))))
        account.keys = keys
        account.diemAllocation = ExactDecimal(12)
        account.listsModelTypes = true
        account.refusals.add(
            (1...4).map { hour in
                VeniceRefusal(time: clock.now - .days(3) + .hours(hour), keyID: keys[1].id, model: "claude-opus-4-8")
            })
        account.limits = TrafficProfile.assistantTeam.models.map { model in
            VeniceModelLimit(
                model: model.id,
                amounts: model.modality == "text" ? ["RPM": 75, "TPM": 750_000] : ["RPM": 20, "RPD": 5000])
        }
        return (
            VeniceAPI(accounts: [account]),
            [
                DemoWorld.Account(
                    provider: "venice", name: account.name, basePath: "/venice",
                    settings: ["api_key: \(account.adminToken)"])
            ]
        )
    }
}

extension TrafficProfile {
    /// Prices are per million cached tokens, a sixteenth of the price of a million output tokens.
    static let assistantTeam = TrafficProfile(
        requestsPerHour: 60,
        models: [
            Model("zai-org-glm-5-1", modality: "text", unitPrice: ExactDecimal(micros: 175_000), share: 45),
            Model("llama-3.3-70b", modality: "text", unitPrice: ExactDecimal(micros: 175_000), share: 25),
            Model(
                "claude-opus-4-8", modality: "text", unitPrice: ExactDecimal(micros: 1_900_000), share: 4,
                demand: .climbing(to: 5, days: 9)),
            Model("venice-sd35", modality: "text-to-image", unitPrice: ExactDecimal(micros: 10_000), share: 12),
            Model("grok-imagine-image", modality: "text-to-image", unitPrice: ExactDecimal(micros: 40_000), share: 5),
        ])
}
