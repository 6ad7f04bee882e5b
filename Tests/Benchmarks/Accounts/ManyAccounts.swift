import ProviderSimulator
import UsageModel

/// Simulated accounts with a month of light usage each, and live traffic: of every ten, four at WaveSpeedAI and two
/// each at FairStack, Venice.ai and useapi.net.
///
/// CheapestInference is excluded because it allows only twelve requests in twelve hours.
struct ManyAccounts {
    let providers: [any SimulatedProvider]
    private let entries: [(name: String, provider: String, token: String)]

    private static let bot = "google-flow"

    init(count: Int, clock: any WallClock) {
        let start = (clock.now - .days(30)).day.start
        var waveSpeed: [WaveSpeedAccount] = []
        var fairStack: [FairStackAccount] = []
        var venice: [VeniceAccount] = []
        var useAPI: [UseAPIAccount] = []
        var entries: [(name: String, provider: String, token: String)] = []
        let balance = PrepaidBalance(opening: ExactDecimal(1_000_000))
        for number in 0..<count {
            let name = "account-\(10_000 + number)"
            let token = "token-\(name)"
            let traffic = TrafficGenerator(seed: 1, account: name, profile: Self.profile, start: start)
            switch number % 10 {
            case 0...3:
                entries.append((name, "wavespeed", token))
                waveSpeed.append(
                    WaveSpeedAccount(
                        name: name, token: token, store: UsageEventStore(clock: clock, traffic: traffic),
                        balance: balance))
            case 4...5:
                entries.append((name, "fairstack", token))
                fairStack.append(
                    FairStackAccount(name: name, token: token, store: FairStackStore(clock: clock, traffic: traffic)))
            case 6...7:
                entries.append((name, "venice", token))
                venice.append(
                    VeniceAccount(
                        name: name, adminToken: token,
                        store: VeniceBillingStore(
                            clock: clock, traffic: VeniceTraffic(generator: traffic, keyIDs: [nil])),
                        balance: balance))
            default:
                entries.append((name, "useapi", token))
                let bot = UseAPITraffic(
                    bot: Self.bot, account: name, configs: [UseAPITraffic.Config("\(name)@example.com")],
                    profile: Self.profile, seed: 1, start: start)
                useAPI.append(
                    UseAPIAccount(name: name, token: token, store: UseAPIRequestStore(clock: clock, traffic: [bot])))
            }
        }
        self.entries = entries
        providers = [
            WaveSpeedAPI(accounts: waveSpeed), FairStackAPI(accounts: fairStack), VeniceAPI(accounts: venice),
            UseAPIAPI(accounts: useAPI),
        ]
    }

    /// The exporter's config for them, with default settings: a sync every five minutes.
    func configuration(baseURL: String) -> String {
        "accounts:\n"
            + entries.map { name, provider, token in
                "  - { name: \(name), provider: \(provider), api_key: \(token), base_url: \"\(baseURL)/\(provider)\""
                    + (provider == "useapi" ? ", bots: [\(Self.bot)] }\n" : " }\n")
            }.joined()
    }

    /// Three models, one request every two hours on average.
    private static let profile = TrafficProfile(
        requestsPerHour: 0.5,
        models: [
            .init("flux-dev", modality: "text-to-image", unitPrice: ExactDecimal(micros: 12_000), share: 6),
            .init("speech-02-hd", modality: "text-to-audio", unitPrice: ExactDecimal(micros: 5_000), share: 3),
            .init("kling-v2.0", modality: "image-to-video", unitPrice: ExactDecimal(micros: 300_000), share: 1),
        ])
}
