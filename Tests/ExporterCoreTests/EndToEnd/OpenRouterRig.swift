import ConfigReading
import ExporterTestSupport
import ProviderSimulator
import Providers
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// One simulated OpenRouter account in its own exporter.
struct OpenRouterRig {
    static let models = ["acme/demo-9", "acme/demo-9-mini", "quote\"back\\slash/м-1", "vendor/own-key"]

    let clock: ManualClock
    let store: OpenRouterStore
    let server: SimulatorServer
    let rig: ExporterRig
    let random: SeededRandom
    private let ledgerStart: Timestamp

    /// Keys of two workspaces, two of which have one name.
    static let keys: [OpenRouterKey] = {
        var keys = [("a1", "prod"), ("b2", "batch"), ("c3", "twin"), ("d4", "twin")].map { id, name in
            OpenRouterKey(id, name: name, token: "sk-or-\(id)", createdAt: friday - .days(90))
        }
        keys[0].limit = ExactDecimal(100)
        keys[0].limitReset = "weekly"
        keys[1].workspace = "00000000-0000-4000-8000-000000000002"
        return keys
    }()

    /// Runs a body with a simulated account `router`.
    static func run(
        seed: UInt64, history: Duration = .days(5), quirks: OpenRouterQuirks = OpenRouterQuirks(),
        inferenceKeys: [String] = [], isolation: isolated (any Actor)? = #isolation,
        _ body: (OpenRouterRig) async throws -> Void
    ) async throws {
        let clock = ManualClock(friday)
        let store = OpenRouterStore(clock: clock, keys: keys, paidIn: ExactDecimal(5000))
        var account = OpenRouterAccount(name: "router", managementToken: "mk-router", store: store)
        account.quirks = quirks
        let provider = OpenRouterAPI(accounts: [account])
        try await withTemporaryFolder { folder in
            try await withSimulator([provider], clock: clock) { server, baseURL in
                var configured = AccountConfiguration(name: "router", provider: .openrouter)
                if inferenceKeys.isEmpty { configured.managementKey = .literal("mk-router") }
                configured.keys = inferenceKeys.map {
                    KeyConfiguration(name: "key \($0)", credential: .literal("sk-or-\($0)"))
                }
                configured.baseURL = baseURL + "/openrouter"
                configured.history = history
                try await body(
                    OpenRouterRig(
                        clock: clock, store: store, server: server,
                        rig: ExporterRig(
                            clock: clock, folder: folder, configuration: ExporterConfiguration(accounts: [configured])),
                        random: SeededRandom(seed), ledgerStart: (friday - history).day.start))
            }
        }
    }

    /// Adds generations of all keys and of the web chat, spread over a period; some may be discounts.
    func use(_ count: Int, in period: Period, late: Duration = .zero, discounts: Bool = false) {
        let length = Int((period.end - period.start).wholeMilliseconds)
        store.add(
            (0..<count).map { _ in
                let time = period.start + .milliseconds(random.int(0...(length - 1)))
                return charge(at: time, visibleFrom: time + late, isDiscount: discounts && random.int(0...9) == 0)
            })
    }

    func charge(at time: Timestamp, key: Int? = nil, visibleFrom: Timestamp? = nil, isDiscount: Bool = false)
        -> OpenRouterCharge
    {
        let key = key ?? random.int(0...4)
        let model = random.int(0...(Self.models.count - 1))
        var charge = OpenRouterCharge(
            time: time, key: key < Self.keys.count ? Self.keys[key].hash : nil, model: Self.models[model],
            credits: ExactDecimal(micros: isDiscount ? -random.int(1...900) : random.int(0...900_000)),
            visibleFrom: visibleFrom)
        charge.prompt = random.int(0...5000)
        charge.cached = random.int(0...charge.prompt)
        charge.completion = random.int(0...900)
        if model == 3 { charge.ownKey = ExactDecimal(micros: random.int(1...80_000)) }
        return charge
    }

    /// Syncs once, and scrapes once new series are released.
    func scrape(after exporter: Exporter, succeeds: Bool = true) async throws -> Scrape {
        #expect(try await exporter.syncOnce() == succeeds)
        _ = try exporter.scrape()
        clock.advance(by: .seconds(91))
        try await exporter.tick()
        return try exporter.scrape()
    }

    /// Asserts that every usage family of a scrape exactly equals what the provider shows, by every label.
    ///
    /// - Parameters:
    ///   - end: the end of the usage that the provider reports; now if not given.
    ///   - splitsInput: whether cached tokens are reported.
    func expectTruth(
        _ scrape: Scrape, until end: Timestamp? = nil, splitsInput: Bool = true,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let names = Dictionary(Self.keys.map { ($0.hash, $0.name) }) { first, _ in first }
        var truth: [String: [[String]: ExactDecimal]] = [:]
        func add(_ family: String, _ labels: [String], _ value: ExactDecimal) {
            truth[family, default: [:]][labels, default: .zero] += value
        }
        for charge in store.shown(in: Period(start: ledgerStart, end: end ?? clock.now + .milliseconds(1))) {
            let labels = [charge.key.flatMap { names[$0] } ?? "", charge.model ?? ""]
            add("genai_cost_usd_total", labels, charge.credits)
            add("genai_key_cost_usd_total", [labels[0]], charge.credits)
            add("genai_requests_total", labels, ExactDecimal(1))
            if !charge.ownKey.isZero { add("genai_openrouter_byok_cost_usd_total", labels, charge.ownKey) }
            add(
                "genai_tokens_total", labels + ["input"],
                ExactDecimal(charge.prompt - (splitsInput ? charge.cached : 0)))
            add("genai_tokens_total", labels + ["output"], ExactDecimal(charge.completion))
            if splitsInput { add("genai_tokens_total", labels + ["cache_input"], ExactDecimal(charge.cached)) }
        }
        for (family, names) in [
            ("genai_cost_usd_total", ["key", "model"]), ("genai_key_cost_usd_total", ["key"]),
            ("genai_requests_total", ["key", "model"]), ("genai_openrouter_byok_cost_usd_total", ["key", "model"]),
            ("genai_tokens_total", ["key", "model", "token_type"]),
        ] {
            var found: [[String]: Double] = [:]
            for sample in scrape.samples(family) { found[names.map { sample.labels[$0, default: ""] }] = sample.value }
            #expect(
                found == (truth[family] ?? [:]).mapValues(\.doubleValue), "\(family)", sourceLocation: sourceLocation)
        }
    }
}
