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

    /// Keys without a description, and with equal ones.
    static let unnamedKeys = [
        VeniceKey(id: "key-nameless-a1b2c3", description: "", created: friday - .days(90)),
        VeniceKey(id: "key-twin-111111", description: "twin", created: friday - .days(90)),
        VeniceKey(id: "key-twin-222222", description: "twin", created: friday - .days(90)),
    ]

    let clock: ManualClock
    let store: VeniceBillingStore
    let availability: VeniceAvailability
    let refusals: VeniceRefusals
    /// Whether models have types.
    let hasModelTypes: Bool
    let server: SimulatorServer
    let rig: ExporterRig

    /// Runs a body with a simulated account `stack`.
    ///
    /// - Parameters:
    ///   - newerForms: whether there are keys without a description of their own, and models have types.
    ///   - change: changes the account.
    ///   - wrap: wraps the simulated API.
    static func run(
        availability: VeniceAvailability = VeniceAvailability(), token: String = "test-admin",
        newerForms: Bool = true, balance: ExactDecimal = ExactDecimal(5000),
        change: (inout VeniceAccount) -> Void = { _ in },
        isolation: isolated (any Actor)? = #isolation,
        wrap: (VeniceAPI, VeniceBillingStore) -> any SimulatedProvider = { api, _ in api },
        _ body: (VeniceRig) async throws -> Void
    ) async throws {
        let clock = ManualClock(friday)
        let store = VeniceBillingStore(clock: clock)
        var account = VeniceAccount(
            name: "stack", adminToken: "test-admin", store: store, balance: PrepaidBalance(opening: balance))
        account.inferenceToken = "test-inference"
        account.keys = keys
        account.keys[0].usdLimit = ExactDecimal(40)
        account.keys[0].period = "MONTH"
        account.diemAllocation = ExactDecimal(100_000)
        account.limits = [VeniceModelLimit(model: "llama-3.3-70b", amounts: ["RPM": 50, "TPM": 750_000])]
        if newerForms { account.keys += unnamedKeys }
        account.listsModelTypes = newerForms
        change(&account)
        let provider = wrap(VeniceAPI(accounts: [account], availability: availability), store)
        try await withTemporaryFolder { folder in
            try await withSimulator([provider], clock: clock) { server, baseURL in
                var configured = AccountConfiguration(name: "stack", provider: .venice, credential: .literal(token))
                configured.baseURL = baseURL + "/venice"
                configured.history = .days(5)
                try await body(
                    VeniceRig(
                        clock: clock, store: store, availability: availability, refusals: account.refusals,
                        hasModelTypes: account.listsModelTypes, server: server,
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
        expect("genai_usage_units_total", ["model", "unit"], truth.units.mapValues(\.doubleValue))
        expect("genai_credits_refunded_total", ["model", "unit"], truth.creditsRefunded.mapValues(\.doubleValue))
        expect(
            "genai_modality_cost_usd_total", ["modality"],
            hasModelTypes ? byLabel(truth.modalityCost, \.doubleValue) : [:])
        expect("genai_topups_usd_total", [], truth.topups.isZero ? [:] : [[]: truth.topups.doubleValue])
        expect("genai_refunds_usd_total", [], truth.refunds.isZero ? [:] : [[]: truth.refunds.doubleValue])
        // A key with usage has both series.
        let ids = Set(truth.keyCost.keys).union(truth.keyDiem.keys)
        func byKey(_ values: [String: ExactDecimal]) -> [[String]: Double] {
            Dictionary(
                uniqueKeysWithValues: ids.map {
                    ([Self.name(ofKey: $0, newerForms: hasModelTypes)], values[$0]?.doubleValue ?? 0)
                })
        }
        expect("genai_key_cost_usd_total", ["key"], byKey(truth.keyCost))
        expect("genai_key_credits_spent_total", ["key"], byKey(truth.keyDiem))
        expect("genai_request_outcomes_total", [], [:])
        expectDurations(scrape, truth.durations, sourceLocation)
    }

    /// The label of a key; without newer forms the account does not list the keys without a description of their own.
    static func name(ofKey id: String, newerForms: Bool = true) -> String {
        if id.isEmpty { return "Web App" }
        if let key = keys.first(where: { $0.id == id }) { return key.description }
        let end = "...\(id.suffix(6))"
        return newerForms && id.hasPrefix("key-twin") ? "twin (\(end))" : "Key \(end)"
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

/// Realistic charges: text, images, audio and plans, all currencies, cached tokens, searches, rows without details, and
/// rows with different timestamps, which may be in two hours.
struct VeniceTestTraffic {
    static let models = [
        "llama-3.3-70b", "zai-org-glm-5-1", "模型-é \"q\"", "claude-sonnet-5-api", "grok-imagine-image", "whisper-large",
    ]
    private static let keys = [nil, "key-a", "key-b", "key-nameless-a1b2c3", "key-twin-111111", "key-twin-222222"]

    let random: SeededRandom

    /// `count` inferences spread over a period, with all of their rows in it.
    func charges(_ count: Int, in period: Period) -> [VeniceCharge] {
        let length = Int((period.end - period.start).wholeMilliseconds) - 10_000
        return (0..<count).map { _ in
            charge(at: Timestamp(milliseconds: period.start.milliseconds + Int64(random.int(0...length))))
        }
    }

    func charge(at time: Timestamp) -> VeniceCharge {
        let index = random.int(0...5)
        let prompt = random.int(0...4000)
        let isCached = random.int(0...2) == 0
        let work: VeniceCharge.Work =
            switch index {
            case 4: .images(random.int(1...3))
            case 5: .units(ExactDecimal(micros: random.int(1...90_000_000)), unit: "minute")
            default:
                .tokens(
                    prompt: prompt, cached: isCached ? prompt * random.int(1...5) / 10 : 0,
                    completion: random.int(0...900))
            }
        var charge = VeniceCharge(
            id: "chatcmpl-\(random.next())", time: time, model: Self.models[index], work: work,
            unitPrice: ExactDecimal(micros: 175_000 + 13 * index))
        if index == 3, random.int(0...1) == 0 { charge.cacheWritten = prompt * random.int(1...4) / 10 }
        charge.currency = ["USD", "USD", "DIEM", "BUNDLED_CREDITS", "EARNED_CREDITS", "VCU"][random.int(0...5)]
        charge.keyID = Self.keys[random.int(0...5)]
        charge.milliseconds = random.int(0...9) == 0 ? nil : random.int(1...700_000)
        charge.hasDetails = random.int(0...19) > 0
        charge.searchesWeb = index < 4 && random.int(0...9) == 0
        charge.rowSpacing = .milliseconds(random.int(0...1) * random.int(0...2500))
        return charge
    }

    /// Charges for plans, and refunds of other charges.
    func addPlansAndRefunds(to store: VeniceBillingStore, in period: Period) {
        for var plan in charges(3, in: period) {
            plan = VeniceCharge(
                id: plan.id, time: plan.time, model: "pro-subscription", work: .subscription,
                unitPrice: ExactDecimal(18))
            store.add(plan)
        }
        for charge in charges(12, in: period) {
            store.add(charge)
            store.add(VeniceIncome(refunding: charge, at: charge.time + .seconds(9)))
        }
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
