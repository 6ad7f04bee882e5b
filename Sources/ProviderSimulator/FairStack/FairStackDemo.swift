import UsageModel

/// A product team at FairStack: two keys in the config and one that only FairStack lists, a top-up every eight days, a
/// cap for the organization.
enum FairStackDemo: DemoPart {
    static func demo(
        _ clock: any WallClock, _ seed: UInt64, _ era: DemoWorld.Era
    ) -> (provider: any SimulatedProvider, accounts: [DemoWorld.Account]) {
        let keys = [("key_web", "web"), ("key_batch", "batch")]
        let store = FairStackStore(
            clock: clock,
            traffic: era.traffic(of: "fairstack/stack", .productTeam, seed: seed),
            keys: keys.map(\.0))
        store.add(
            [1, 9, 17, 25].map { day in
                FairStackTransaction(
                    id: "txn_topup_\(day)", kind: .topUp, time: era.start + .days(day) + .hours(9), micro: -75_000_000)
            } + [
                FairStackTransaction(
                    id: "txn_refund_18", kind: .refund, time: era.start + .days(18) + .hours(14), micro: -2_400_000)
            ])
        var account = FairStackAccount(name: "stack", token: "demo-fairstack-stack", store: store)
        account.keyIDs = Set(keys.map(\.0))
        account.caps = [
            .init(scope: "organization", micro: 250_000_000), .init(scope: "project", micro: nil),
            .init(scope: "key", micro: 400_000_000),
        ]
        account.forms.hasKeyList = true
        account.listedKeys = [
            FairStackListedKey(id: "key_web", name: "Web shop", createdAt: era.start - .days(90)),
            FairStackListedKey(
                id: "key_batch", name: "Batch", capTotalMicro: 400_000_000, createdAt: era.start - .days(40)),
            FairStackListedKey(
                id: "key_trial", name: "trial", capTotalMicro: 5_000_000, createdAt: era.start - .days(3)),
        ]
        // A large plan's limit, so that the demo starts quickly.
        account.rateLimit = FairStackRateLimit(perMinute: 6000)
        let listed = keys.map { "{ id: \($0.0), name: \($0.1) }" }.joined(separator: ", ")
        return (
            FairStackAPI(accounts: [account]),
            [
                DemoWorld.Account(
                    provider: "fairstack", name: account.name, basePath: "/fairstack",
                    settings: ["api_key: \(account.token)", "keys: [ \(listed) ]"])
            ]
        )
    }
}

extension TrafficProfile {
    /// Images and voices for a web shop, some music, and video clips that fail occasionally.
    fileprivate static let productTeam = TrafficProfile(
        requestsPerHour: 12,
        models: [
            Model("z-image-turbo", modality: "image", unitPrice: ExactDecimal(micros: 4000), share: 55),
            Model(
                "gpt-image-1.5-t2i", modality: "image", unitPrice: ExactDecimal(micros: 34_000), units: [1, 1, 2],
                share: 14),
            Model(
                "chatterbox-turbo", modality: "voice", unitPrice: ExactDecimal(micros: 1000), units: [1, 2, 5],
                share: 20),
            Model(
                "wan-2-1-t2v", modality: "video", unitPrice: ExactDecimal(micros: 48_000), units: [5, 10], share: 3,
                failureRate: 0.06, failures: .climbing(to: 3, days: 9)),
            Model("mureka-song", modality: "music", unitPrice: ExactDecimal(micros: 100_000), share: 2),
        ])
}
