import ConfigReading
import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// One simulated Venice.ai account in its own exporter.
struct VeniceRig {
    static let keys = [
        VeniceKey(id: "key-a", description: "team a", created: friday - .days(90)),
        VeniceKey(id: "key-b", description: "quote\"back\\slash", created: friday - .days(90)),
        VeniceKey(id: "key-revised", description: "revised", created: friday - .days(90)),
    ]

    let clock: ManualClock
    let store: VeniceBillingStore
    let availability: VeniceAvailability
    let server: SimulatorServer
    let rig: ExporterRig

    /// Runs a body with a simulated account `stack`.
    ///
    /// - Parameter wrap: wraps the simulated API.
    static func run(
        availability: VeniceAvailability = VeniceAvailability(), token: String = "test-admin",
        isolation: isolated (any Actor)? = #isolation,
        wrap: (VeniceAPI, VeniceBillingStore) -> any SimulatedProvider = { api, _ in api },
        _ body: (VeniceRig) async throws -> Void
    ) async throws {
        let clock = ManualClock(friday)
        let store = VeniceBillingStore(clock: clock)
        var account = VeniceAccount(
            name: "stack", adminToken: "test-admin", store: store, balance: PrepaidBalance(opening: ExactDecimal(5000)))
        account.inferenceToken = "test-inference"
        account.keys = keys
        account.keys[0].usdLimit = ExactDecimal(40)
        account.keys[0].period = "MONTH"
        account.diemAllocation = ExactDecimal(100_000)
        account.limits = [VeniceModelLimit(model: "llama-3.3-70b", amounts: ["RPM": 50, "TPM": 750_000])]
        let provider = wrap(VeniceAPI(accounts: [account], availability: availability), store)
        try await withTemporaryFolder { folder in
            try await withSimulator([provider], clock: clock) { server, baseURL in
                var configured = AccountConfiguration(name: "stack", provider: .venice, credential: .literal(token))
                configured.baseURL = baseURL + "/venice"
                configured.history = .days(5)
                try await body(
                    VeniceRig(
                        clock: clock, store: store, availability: availability, server: server,
                        rig: ExporterRig(
                            clock: clock, folder: folder, configuration: ExporterConfiguration(accounts: [configured])))
                )
            }
        }
    }

    /// Syncs once, and scrapes once new series are released.
    func scrape(after exporter: Exporter, succeeds: Bool = true) async throws -> Scrape {
        #expect(try await exporter.syncOnce() == succeeds)
        _ = try exporter.scrape()
        clock.advance(by: .seconds(91))
        try await exporter.tick()
        return try exporter.scrape()
    }

    /// All usage that the provider shows now, from the ledger's start on.
    var truth: VeniceTruth { store.visibleTruth(from: (friday - .days(5)).day.start) }

    /// Asserts that every usage family of a scrape exactly equals the provider's, by every label.
    func expectTruth(_ scrape: Scrape, sourceLocation: SourceLocation = #_sourceLocation) {
        let truth = truth
        func expect(_ family: String, _ labels: [String], _ values: [[String]: Double]) {
            var found: [[String]: Double] = [:]
            for sample in scrape.samples(family) { found[labels.map { sample.labels[$0, default: ""] }] = sample.value }
            #expect(found == values, "\(family)", sourceLocation: sourceLocation)
        }
        func byLabel<Value>(_ values: [String: Value], _ number: (Value) -> Double) -> [[String]: Double] {
            Dictionary(uniqueKeysWithValues: values.map { ([$0], number($1)) })
        }
        expect("genai_cost_usd_total", ["model"], byLabel(truth.cost, \.doubleValue))
        expect("genai_credits_spent_total", ["model", "unit"], truth.credits.mapValues(\.doubleValue))
        expect("genai_requests_total", ["model"], byLabel(truth.requests, Double.init))
        expect("genai_tokens_total", ["model", "token_type"], truth.tokens.mapValues(Double.init))
        expect("genai_topups_usd_total", [], truth.topups.isZero ? [:] : [[]: truth.topups.doubleValue])
        expect("genai_refunds_usd_total", [], truth.refunds.isZero ? [:] : [[]: truth.refunds.doubleValue])
        // A key with usage has both series.
        let ids = Set(truth.keyCost.keys).union(truth.keyDiem.keys)
        func byKey(_ values: [String: ExactDecimal]) -> [[String]: Double] {
            Dictionary(uniqueKeysWithValues: ids.map { ([Self.name(ofKey: $0)], values[$0]?.doubleValue ?? 0) })
        }
        expect("genai_key_cost_usd_total", ["key"], byKey(truth.keyCost))
        expect("genai_key_credits_spent_total", ["key"], byKey(truth.keyDiem))
        expect("genai_request_outcomes_total", [], [:])
        expectDurations(scrape, truth.durations, sourceLocation)
    }

    static func name(ofKey id: String) -> String {
        keys.first { $0.id == id }?.description ?? (id.isEmpty ? "Web App" : id)
    }

    private func expectDurations(
        _ scrape: Scrape, _ truth: [String: [Int]], _ sourceLocation: SourceLocation
    ) {
        var buckets: [[String]: Double] = [:]
        var sums: [[String]: Double] = [:]
        for sample in scrape.samples("genai_request_duration_seconds") {
            let model = sample.labels["model", default: ""]
            if sample.name.hasSuffix("_sum") { sums[[model]] = sample.value }
            if let bound = sample.labels["le"].flatMap(Double.init) { buckets[[model, "\(bound)"]] = sample.value }
        }
        var expected: [[String]: Double] = [:]
        for (model, times) in truth {
            for bound in LedgerFamily.durationBounds + [.infinity] {
                expected[[model, "\(bound)"]] = Double(times.count { Double($0) / 1000 <= bound })
            }
        }
        #expect(buckets == expected, sourceLocation: sourceLocation)
        let exact = truth.map { ([$0], Double($1.reduce(0, +)) / 1000) }
        #expect(sums == Dictionary(uniqueKeysWithValues: exact), sourceLocation: sourceLocation)
    }
}

/// Realistic inferences: text and images, all currencies, cached tokens, searches, rows without details, and rows with
/// different timestamps, which may be in two hours.
struct VeniceTestTraffic {
    static let models = ["llama-3.3-70b", "zai-org-glm-5-1", "模型-é \"q\"", "grok-imagine-image"]

    let random: SeededRandom

    /// `count` inferences spread over a period, with all of their rows in it.
    func charges(_ count: Int, in period: Period) -> [VeniceCharge] {
        let length = Int((period.end - period.start).wholeMilliseconds) - 10_000
        return (0..<count).map { _ in
            charge(at: Timestamp(milliseconds: period.start.milliseconds + Int64(random.int(0...length))))
        }
    }

    func charge(at time: Timestamp) -> VeniceCharge {
        let index = random.int(0...3)
        let prompt = random.int(0...4000)
        let work: VeniceCharge.Work =
            index == 3
            ? .images(random.int(1...3))
            : .tokens(
                prompt: prompt, cached: random.int(0...2) == 0 ? prompt * random.int(1...9) / 10 : 0,
                completion: random.int(0...900))
        var charge = VeniceCharge(
            id: "chatcmpl-\(random.next())", time: time, model: Self.models[index], work: work,
            unitPrice: ExactDecimal(micros: 175_000 + 13 * index))
        charge.currency = ["USD", "USD", "DIEM", "BUNDLED_CREDITS", "EARNED_CREDITS", "VCU"][random.int(0...5)]
        charge.keyID = [nil, "key-a", "key-b"][random.int(0...2)]
        charge.milliseconds = random.int(0...9) == 0 ? nil : random.int(1...700_000)
        charge.hasDetails = random.int(0...19) > 0
        charge.searchesWeb = index < 3 && random.int(0...9) == 0
        charge.rowSpacing = .milliseconds(random.int(0...1) * random.int(0...2500))
        return charge
    }

    /// Inferences whose first row is in one hour and whose other rows are in the next.
    func chargesAcross(_ boundary: Timestamp, _ count: Int) -> [VeniceCharge] {
        (0..<count).map { _ in
            var charge = charge(at: boundary - .milliseconds(random.int(1...900)))
            charge.rowSpacing = .milliseconds(1000)
            return charge
        }
    }
}
