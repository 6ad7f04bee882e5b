import ExporterTestSupport
import ConfigReading
import Providers
import ExporterCore
import ProviderSimulator
import TestSupport
import Testing
import UsageModel

@testable import ExporterCore

/// One simulated CheapestInference account with three keys, in its own exporter.
struct CheapestInferenceRig {
    let clock: ManualClock
    let keys: [CheapestInferenceKey]
    let account: CheapestInferenceAccount
    let server: SimulatorServer
    let rig: ExporterRig
    let random: SeededRandom

    /// A flat plan of the first key, one of two keys, and two pledges to pools, of which one is not renewed.
    static let subscriptions: [CheapestInferenceSubscription] = {
        var own = CheapestInferenceSubscription(
            id: "sub-1", slug: "pro", isPool: false, periodEnd: friday + .days(40))
        own.keyIDs = ["id-100"]
        var shared = CheapestInferenceSubscription(
            id: "sub-2", slug: "standard", isPool: false, periodEnd: friday + .days(9))
        shared.keyIDs = ["id-70", "id-10"]
        let pledge = CheapestInferenceSubscription(
            id: "pledge-1", slug: "kimi26", isPool: true, periodEnd: friday + .days(20))
        var canceled = CheapestInferenceSubscription(
            id: "pledge-2", slug: "minimax-m3", isPool: true, periodEnd: friday + .days(5))
        canceled.cancelsAtPeriodEnd = true
        return [own, shared, pledge, canceled]
    }()

    /// Runs a body with an account `ci`: two old keys, and one created ten days ago.
    ///
    /// - Parameters:
    ///   - management: the form of the endpoints for keys and billing; nil if they do not exist.
    ///   - wrapsUsage: whether `/v1/usage` responds in the envelope.
    static func run(
        seed: UInt64, history: Duration = .days(30), isolation: isolated (any Actor)? = #isolation,
        quirks: CheapestInferenceQuirks = CheapestInferenceQuirks(),
        management: CheapestInferenceAPI.Management? = .newer, wrapsUsage: Bool = false,
        budgets: [Budget] = [], adjust: (inout AccountConfiguration) -> Void = { _ in },
        _ body: (CheapestInferenceRig) async throws -> Void
    ) async throws {
        let clock = ManualClock(friday)
        let keys = [("prod", 100), ("quote\"back\\slash", 70), ("young", 10)].map { name, age in
            var properties = CheapestInferenceKey.Properties(
                id: "id-\(age)", name: name, token: "sk-\(age)", createdAt: friday - .days(age))
            properties.plan = age == 100 ? "pro" : nil
            properties.expiresAt = age == 100 ? friday + .days(40) : nil
            properties.budgetLimit = age == 100 ? ExactDecimal(60) : nil
            return CheapestInferenceKey(properties, clock: clock)
        }
        let account = CheapestInferenceAccount(
            name: "ci", managementToken: "mk-ci", keys: keys, balance: PrepaidBalance(opening: ExactDecimal(5000)),
            subscriptions: subscriptions.filter { $0.isPool == (management == .newer) })
        var provider = CheapestInferenceAPI(
            accounts: [account], wrapsUsage: wrapsUsage, management: management)
        provider.quirks = quirks
        try await withTemporaryFolder { folder in
            try await withSimulator([provider], clock: clock) { server, baseURL in
                var configured = AccountConfiguration(name: "ci", provider: .cheapestinference)
                configured.managementKey = .literal("mk-ci")
                configured.keys = keys.map {
                    KeyConfiguration(name: $0.properties.name, credential: .literal($0.properties.token))
                }
                configured.baseURL = baseURL + "/cheapestinference"
                configured.history = history
                adjust(&configured)
                try await body(
                    CheapestInferenceRig(
                        clock: clock, keys: keys, account: account, server: server,
                        rig: ExporterRig(
                            clock: clock, folder: folder,
                            configuration: ExporterConfiguration(accounts: [configured], budgets: budgets)),
                        random: SeededRandom(seed)))
            }
        }
    }

    /// Adds `count` requests to every key, spread over a period, but none before the key's creation.
    func use(_ count: Int, in period: Period) {
        for key in keys {
            let start = max(period.start, key.properties.createdAt)
            guard start < period.end else { continue }
            let length = Int((period.end - start).wholeMilliseconds)
            key.add((0..<count).map { _ in request(at: start + .milliseconds(random.int(1...length))) })
        }
    }

    func request(at time: Timestamp, visibleFrom: Timestamp? = nil) -> CheapestInferenceRequest {
        CheapestInferenceRequest(
            time: time, cost: ExactDecimal(micros: random.int(1...90_017)), promptTokens: random.int(1...9000),
            completionTokens: random.int(0...900), visibleFrom: visibleFrom)
    }

    /// Advances the clock by an hour, adds usage in it, and syncs at its end.
    func hour(_ exporter: Exporter, use count: Int = 7) async throws -> Bool {
        let start = clock.now
        clock.advance(by: .hours(1))
        use(count, in: Period(start: start, end: clock.now))
        return try await exporter.syncOnce()
    }

    /// Asserts that every usage family of a scrape equals the provider's totals, by every label.
    ///
    /// - Parameter kept: requests of the first key that the provider removed after they were counted.
    func expectTruth(
        _ scrape: Scrape, kept: CheapestInferenceRequest? = nil, corrected: ExactDecimal = .zero,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var requests: [[String]: Double] = [:]
        var tokens: [[String]: Double] = [:]
        var cost: [[String]: Double] = [:]
        var keyCost: [[String]: Double] = [:]
        for (index, key) in keys.enumerated() {
            let name = key.properties.name
            let shown = key.truth(after: friday - .days(30))
            let isFirst = index == 0
            requests[[name, ""]] = Double(shown.requests + (isFirst && kept != nil ? 1 : 0))
            tokens[[name, "", "input"]] = Double(shown.promptTokens + (isFirst ? kept?.promptTokens ?? 0 : 0))
            tokens[[name, "", "output"]] = Double(shown.completionTokens + (isFirst ? kept?.completionTokens ?? 0 : 0))
            // Budget periods of 30 days from the key's creation; the one at the first sync is counted from its start.
            let began = friday - .days([10, 10, 10][index])
            let spent = key.truth(after: began).cost + (isFirst ? corrected : .zero)
            cost[[name, ""]] = spent.doubleValue
            keyCost[[name]] = spent.doubleValue
        }
        func expect(_ family: String, _ labels: [String], _ truth: [[String]: Double]) {
            var shown: [[String]: Double] = [:]
            for sample in scrape.samples(family) {
                shown[labels.map { sample.labels[$0, default: ""] }] = sample.value
            }
            #expect(shown == truth, "\(family)", sourceLocation: sourceLocation)
        }
        expect("genai_requests_total", ["key", "model"], requests)
        expect("genai_tokens_total", ["key", "model", "token_type"], tokens)
        expect("genai_cost_usd_total", ["key", "model"], cost)
        expect("genai_key_cost_usd_total", ["key"], keyCost)
    }
}
