import UsageModel

/// The support team's organization: two projects with keys of people and a service account, of which two have one name,
/// and the playground.
enum OpenAIDemo: DemoPart {
    static func demo(
        _ clock: any WallClock, _ seed: UInt64, _ era: DemoWorld.Era
    ) -> (provider: any SimulatedProvider, accounts: [DemoWorld.Account]) {
        var keys = [
            OpenAIProjectKey(id: "key_demoHelpdesk01", name: "helpdesk", created: era.start - .days(200)),
            OpenAIProjectKey(id: "key_demoStaging02", name: "staging", created: era.start - .days(90)),
            OpenAIProjectKey(id: "key_demoStaging03", name: "staging", created: era.start - .days(30)),
            OpenAIProjectKey(id: "key_demoSearch04", name: "search", created: era.start - .days(12)),
        ]
        keys[2].projectID = "proj_search"
        keys[3].projectID = "proj_search"
        keys[3].ownerType = "service_account"
        let traffic = OpenAITraffic(
            generator: era.traffic(of: "openai/gpt", .supportOrganization, seed: seed),
            keys: (keys + [keys[0], keys[0]]).map { ($0.id, $0.projectID) } + [(nil, "proj_demo")])
        var account = OpenAIAccount(
            name: "gpt", token: "demo-openai-gpt", store: OpenAIStore(clock: clock, traffic: traffic), keys: keys)
        account.projects = ["proj_demo", "proj_search"]
        account.spendLimitCents = 250_000
        return (
            OpenAIAPI(accounts: [account]),
            [
                DemoWorld.Account(
                    provider: "openai", name: account.name, basePath: "/openai", settings: ["api_key: \(account.token)"]
                )
            ]
        )
    }
}

extension TrafficProfile {
    /// Prices are per million cached tokens, a fortieth of the price of a million output tokens; of images, each.
    fileprivate static let supportOrganization = TrafficProfile(
        requestsPerHour: 50,
        models: [
            Model("gpt-9-mini-2026-10-01", modality: "text", unitPrice: ExactDecimal(micros: 25_000), share: 60),
            Model(
                "gpt-9-2026-08-20", modality: "text", unitPrice: ExactDecimal(micros: 175_000), share: 14,
                demand: .climbing(to: 3, days: 11)),
            Model("text-embedding-9-small", modality: "embedding", unitPrice: ExactDecimal(micros: 2_000), share: 20),
            Model("gpt-image-9", modality: "text-to-image", unitPrice: ExactDecimal(micros: 42_000), share: 3),
        ], lateShare: 0.05, lateness: .hours(5))
}
