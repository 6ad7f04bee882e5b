import ConfigReading
import ExporterCore
import ExporterTestSupport
import PrometheusExposition
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// One simulated useapi.net account in its own exporter.
struct UseAPIRig {
    static let bots = ["google-flow", "midjourney", "kling"]
    static let prices = ["imagen-4": "0.0200000003", "midjourney": "0.03"].compactMapValues { ExactDecimal($0) }

    let clock: ManualClock
    let requests: UseAPIRequestStore
    let server: SimulatorServer
    let rig: ExporterRig
    let ledgerStart: Timestamp

    static func run(
        at now: Timestamp = friday, isSubscribed: Bool = true, longestList: Int? = nil,
        isolation: isolated (any Actor)? = #isolation,
        adjust: (inout AccountConfiguration) -> Void = { _ in }, _ body: (UseAPIRig) async throws -> Void
    ) async throws {
        let clock = ManualClock(now)
        let store = UseAPIRequestStore(clock: clock)
        var account = UseAPIAccount(
            name: "studio", token: "test-token-studio", store: store,
            services: [
                UseAPIAccount.Service("Midjourney API", active: 2, error: 1),
                UseAPIAccount.Service("Kling API", active: 1),
            ], isSubscribed: isSubscribed)
        account.quirks.longestList = longestList
        try await withTemporaryFolder { folder in
            try await withSimulator([UseAPIAPI(accounts: [account])], clock: clock) { server, baseURL in
                var configured = AccountConfiguration(
                    name: "studio", provider: .useapi, credential: .literal("test-token-studio"))
                configured.baseURL = baseURL + "/useapi"
                configured.history = .days(6)
                configured.bots = bots
                configured.prices = prices
                adjust(&configured)
                let configuration = ExporterConfiguration(accounts: [configured])
                try await body(
                    UseAPIRig(
                        clock: clock, requests: store, server: server,
                        rig: ExporterRig(clock: clock, folder: folder, configuration: configuration),
                        ledgerStart: (now - .days(6)).day.start))
            }
        }
    }

    /// The same storage and providers with another config.
    func reconfigured(_ adjust: (inout AccountConfiguration) -> Void) -> ExporterRig {
        var configuration = rig.configuration
        for index in configuration.accounts.indices { adjust(&configuration.accounts[index]) }
        return ExporterRig(clock: clock, folder: rig.folder, configuration: configuration)
    }

    /// All requests that the statistics show now, from the ledger's start on.
    var visible: [UseAPIRequest] {
        requests.visible(in: Period(start: ledgerStart, end: clock.now + .days(1)))
    }

    /// Syncs, and scrapes once new series are released. Records the requests visible at the sync in `truth`.
    func sync(_ exporter: Exporter, _ truth: inout UseAPITruth) async throws -> Scrape {
        truth.see(visible)
        #expect(try await exporter.syncOnce())
        return try await released(exporter)
    }

    /// Scrapes once new series are released.
    func released(_ exporter: Exporter) async throws -> Scrape {
        _ = try exporter.scrape()
        clock.advance(by: .minutes(2))
        try await exporter.tick()
        return try exporter.scrape()
    }
}

/// Realistic requests: unusual names, failures, and linked accounts and models shared by two bots.
struct UseAPITestTraffic {
    private static let configs = ["team@example.com", "quote\"back\\slash\nline", "канал-é", "b@example.com"]
    private static let models = ["imagen-4", "shared-model", "模型/пример"]
    private static let codes = [200, 200, 200, 201, 201, 204, 400, 403, 403, 429, 500, 503]
    private static let plans = [
        ("PAYGATE_TIER_TWO", "WS_ULTRA"), ("PAYGATE_TIER_TWO", "G1_TIER2"), ("PAYGATE_TIER_ONE", "G1_TIER1"),
        ("PAYGATE_TIER_NEW", "G9"), ("", ""),
    ]

    let random: SeededRandom

    /// `count` requests spread over a period, shown 5 to 15 minutes late.
    func requests(_ count: Int, in period: Period) -> [UseAPIRequest] {
        (0..<count).map { _ in
            let length = Int(period.end.milliseconds - period.start.milliseconds)
            let time = Timestamp(milliseconds: period.start.milliseconds + Int64(random.int(0...(length - 1))))
            return request(at: time, visibleFrom: time + .seconds(random.int(300...900)))
        }
    }

    func request(at time: Timestamp, visibleFrom: Timestamp? = nil) -> UseAPIRequest {
        let bot = pick(UseAPIRig.bots)
        var request = UseAPIRequest(
            time: time, bot: bot, config: pick(Self.configs), endpoint: pick(["post-images", "post-videos"]),
            code: pick(Self.codes), milliseconds: random.int(0...(random.int(0...9) == 0 ? 900_000 : 20_000)),
            visibleFrom: visibleFrom)
        if bot != "midjourney", random.int(0...9) > 0 { request.model = pick(Self.models) }
        if bot == "google-flow" {
            request.captchaProviders = (0..<random.int(0...3)).map { _ in pick(["CapSolver", "2Captcha"]) }
            request.captchaRetries = random.int(0...3)
            (request.tier, request.sku) = pick(Self.plans)
        }
        return request
    }

    private func pick<Element>(_ elements: [Element]) -> Element { elements[random.int(0...(elements.count - 1))] }
}
