import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// /metrics exactly equals what OpenRouter charged by key and model, despite late, restated and truncated responses.
@Suite struct OpenRouterTruthTests {
    private let past = Period(start: friday - .days(6), end: friday)

    private static let forms: [OpenRouterQuirks] = {
        var text = OpenRouterQuirks()
        text.writesTextMoney = true
        text.timeForm = .rfc3339
        var short = OpenRouterQuirks()
        short.timeForm = .shortest
        short.mostHours = 30
        var truncated = OpenRouterQuirks()
        truncated.mostRows = 40
        // Fewer rows than one hour has keys and models.
        var keyByKey = OpenRouterQuirks()
        keyByKey.mostRows = 5
        return [OpenRouterQuirks(), text, short, truncated, keyByKey]
    }()

    @Test("the first sync equals the provider's totals by every label, in each form of the responses", arguments: forms)
    func firstSync(quirks: OpenRouterQuirks) async throws {
        try await OpenRouterRig.run(seed: 1, quirks: quirks) { rig in
            // A discount without a key leaves a rest below zero, which is not counted.
            rig.use(1500, in: past, discounts: quirks.mostRows > 5)
            // An hour with every key and model.
            rig.use(200, in: Period(start: friday - .hours(7), end: friday - .hours(6)))
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                if quirks.mostRows == 5 {
                    // Generations without a key are the rest of each hour's total, which knows no model.
                    let charges = rig.store.shown(in: Period(start: (friday - .days(5)).day.start, end: friday))
                    let sum = charges.reduce(ExactDecimal.zero) { $0 + $1.credits }
                    let cost = scrape.samples("genai_cost_usd_total").reduce(0) { $0 + $1.value }
                    #expect((cost - sum.doubleValue).magnitude < 1e-9)
                } else {
                    rig.expectTruth(scrape)
                }
                #expect(scrape.value("genai_reconciliation_difference_usd") == 0)
                let balance = ExactDecimal(5000) - rig.store.lifetime()
                #expect(scrape.value("genai_balance_usd") == balance.doubleValue)
                #expect(scrape.value("genai_budget_limit_usd", ["key": "prod", "scope": "key"]) == 100)
                #expect(scrape.value("genai_budget_period_seconds", ["key": "prod"]) == 604_800)
                #expect(scrape.samples("genai_key_info").count == 4)
                #expect(
                    Set(scrape.samples("genai_up").map { $0.labels["source"] }) == ["analytics", "credits", "keys"])
                #expect(scrape.samples("genai_up").allSatisfy { $0.value == 1 })
            }
        }
    }

    @Test("new and late usage is counted once, and no counter decreases")
    func revisions() async throws {
        try await OpenRouterRig.run(seed: 2) { rig in
            rig.use(900, in: past)
            rig.use(60, in: Period(start: friday - .hours(30), end: friday - .hours(28)), late: .hours(34))
            try await rig.rig.withExporter { exporter in
                var last = try await rig.scrape(after: exporter)
                rig.expectTruth(last)
                for step in 1...40 {
                    rig.clock.advance(by: .minutes(step.isMultiple(of: 4) ? 170 : 11))
                    let period = Period(start: rig.clock.now - .minutes(11), end: rig.clock.now)
                    rig.use(7, in: period)
                    // A report that lags behind.
                    rig.use(3, in: period, late: .minutes(25))
                    let scrape = try await rig.scrape(after: exporter)
                    expectNoFall(from: last, to: scrape)
                    last = scrape
                }
                // All hours of the reports are read again by their schedule.
                rig.clock.advance(by: .hours(73))
                let settled = try await rig.scrape(after: exporter)
                expectNoFall(from: last, to: settled)
                rig.expectTruth(settled)
                #expect(settled.value("genai_reconciliation_difference_usd") == 0)
            }
        }
    }

    @Test("a higher charge is found days later, and a lower one is a correction")
    func restated() async throws {
        try await OpenRouterRig.run(seed: 3) { rig in
            var charge = rig.charge(at: friday - .hours(100), key: 0)
            charge.credits = ExactDecimal(4)
            rig.store.add([charge])
            let hour = Period(start: charge.time.startOfHour, end: charge.time.startOfHour + .hours(1))
            try await rig.rig.withExporter { exporter in
                let first = try await rig.scrape(after: exporter)
                rig.store.restate(hour) { charge in
                    var charge = charge
                    charge.credits = ExactDecimal(7)
                    return charge
                }
                rig.clock.advance(by: .hours(2))
                let second = try await rig.scrape(after: exporter)
                rig.expectTruth(second)
                expectNoFall(from: first, to: second)
                rig.store.restate(hour) { charge in
                    var charge = charge
                    charge.credits = ExactDecimal(5)
                    return charge
                }
                rig.clock.advance(by: .hours(2))
                let third = try await rig.scrape(after: exporter)
                #expect(third.value("genai_cost_usd_total", ["key": "prod"]) == 7)
                #expect(third.value("genai_corrections_usd_total") == 2)
            }
        }
    }

    @Test("rows without a key that are left out are the remainder of the total, and the reconciliation shows them")
    func hiddenRows() async throws {
        var quirks = OpenRouterQuirks()
        quirks.hidesWebChat = true
        try await OpenRouterRig.run(seed: 4, quirks: quirks) { rig in
            var chat = rig.charge(at: friday - .hours(3), key: 4)
            chat.credits = ExactDecimal(3)
            var other = rig.charge(at: friday - .hours(3), key: 1)
            other.credits = ExactDecimal(5)
            rig.store.add([chat, other])
            try await rig.rig.withExporter { exporter in
                let scrape = try await rig.scrape(after: exporter)
                #expect(scrape.value("genai_cost_usd_total", ["key": "batch"]) == 5)
                #expect(scrape.samples("genai_cost_usd_total").reduce(0) { $0 + $1.value } == 8)
                #expect(scrape.value("genai_reconciliation_difference_usd") == 3)
            }
        }
    }

    @Test("without analytics the completed days are exact, and the data end at midnight")
    func activity() async throws {
        var quirks = OpenRouterQuirks()
        quirks.hasAnalytics = false
        try await OpenRouterRig.run(seed: 5, quirks: quirks) { rig in
            rig.use(900, in: past)
            try await rig.rig.withExporter { exporter in
                let first = try await rig.scrape(after: exporter)
                rig.expectTruth(first, until: friday.day.start, splitsInput: false)
                let source = ["source": "analytics"]
                #expect(first.value("genai_data_through_timestamp_seconds", source) == friday.day.start.seconds)
                #expect(first.value("genai_up", source) == 1)
                #expect(first.value("genai_reconciliation_difference_usd") == 0)
                rig.use(100, in: Period(start: friday, end: friday + .hours(8)))
                rig.clock.advance(by: .hours(10))
                let second = try await rig.scrape(after: exporter)
                rig.expectTruth(second, until: rig.clock.now.day.start, splitsInput: false)
                expectNoFall(from: first, to: second)
            }
        }
    }

    @Test("a renamed key keeps its name in earlier hours, and has the new one in later hours")
    func rename() async throws {
        try await OpenRouterRig.run(seed: 6) { rig in
            var charge = rig.charge(at: friday - .minutes(10), key: 0)
            charge.credits = ExactDecimal(2)
            rig.store.add([charge])
            try await rig.rig.withExporter { exporter in
                _ = try await rig.scrape(after: exporter)
                rig.store.changeKey(OpenRouterRig.keys[0].hash) { key in
                    var key = key
                    key.name = "renamed"
                    return key
                }
                rig.clock.advance(by: .hours(3))
                charge.time = rig.clock.now - .minutes(1)
                rig.store.add([charge])
                let second = try await rig.scrape(after: exporter)
                #expect(
                    second.values("genai_key_cost_usd_total", by: "key", account: "router") == [
                        "prod": 2, "renamed": 2,
                    ])
                rig.store.changeKey(OpenRouterRig.keys[0].hash) { _ in nil }
                rig.clock.advance(by: .hours(8))
                let third = try await rig.scrape(after: exporter)
                #expect(
                    third.values("genai_key_cost_usd_total", by: "key", account: "router") == ["prod": 2, "renamed": 2])
            }
        }
    }

    @Test("deleted keys whose rows are hidden keep what was counted, and nothing counts twice")
    func hiddenKeys() async throws {
        var quirks = OpenRouterQuirks()
        quirks.hidesDeletedKeys = true
        try await OpenRouterRig.run(seed: 10, quirks: quirks) { rig in
            rig.use(900, in: past)
            rig.use(60, in: Period(start: friday - .hours(8), end: friday))
            rig.clock.advance(by: .minutes(20))
            rig.use(20, in: Period(start: friday, end: rig.clock.now))
            try await rig.rig.withExporter { exporter in
                var last = try await rig.scrape(after: exporter)
                rig.expectTruth(last)
                rig.store.changeKey(OpenRouterRig.keys[0].hash) { _ in nil }
                for _ in 1...12 {
                    rig.clock.advance(by: .minutes(47))
                    var charges = (0..<5).map { _ in rig.charge(at: rig.clock.now - .minutes(1), key: 1) }
                    charges.append(rig.charge(at: rig.clock.now - .minutes(2), key: 4))
                    rig.store.add(charges)
                    let scrape = try await rig.scrape(after: exporter)
                    rig.expectTruth(scrape)
                    expectNoFall(from: last, to: scrape)
                    #expect(scrape.samples("genai_corrections_usd_total").allSatisfy { $0.value == 0 })
                    last = scrape
                }
                #expect(last.value("genai_reconciliation_difference_usd").map { $0 > 0 } == true)
            }
        }
    }

    @Test("cached tokens count once where analytics disappears within a day, and where it returns")
    func cachedTokens() async throws {
        try await OpenRouterRig.run(seed: 11) { rig in
            let midnight = friday.day.advanced(by: 1).start
            rig.use(600, in: Period(start: friday - .days(2), end: friday))
            rig.use(300, in: Period(start: friday, end: midnight + .days(2)))
            try await rig.rig.withExporter { exporter in
                func expectTokens(_ scrape: Scrape, until end: Timestamp) {
                    var truth: [String: Int] = [:]
                    for charge in rig.store.shown(in: Period(start: friday - .days(5), end: end)) {
                        truth[charge.model ?? "", default: 0] += charge.prompt
                    }
                    var found: [String: Int] = [:]
                    for sample in scrape.samples("genai_tokens_total") where sample.labels["token_type"] != "output" {
                        found[sample.labels["model"] ?? "", default: 0] += Int(sample.value.rounded())
                    }
                    #expect(found == truth)
                    #expect(scrape.samples("genai_corrections_usd_total").allSatisfy { $0.value == 0 })
                }
                let first = try await rig.scrape(after: exporter)
                rig.expectTruth(first)
                rig.server.faults.stand(.status(404), at: "/openrouter/api/v1/analytics/query")
                rig.clock.advance(by: midnight + .hours(1) - rig.clock.now)
                let second = try await rig.scrape(after: exporter)
                expectTokens(second, until: midnight)
                expectNoFall(from: first, to: second)
                rig.server.faults.clear()
                rig.clock.advance(by: .hours(27))
                let third = try await rig.scrape(after: exporter)
                expectTokens(third, until: rig.clock.now)
                expectNoFall(from: second, to: third)
            }
        }
    }

    @Test("a first start of 30 days sends at most 40 requests, and a sync with nothing new 7")
    func requests() async throws {
        try await OpenRouterRig.run(seed: 7, history: .days(30)) { rig in
            rig.use(3000, in: Period(start: friday - .days(31), end: friday))
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let first = rig.server.log.total
                #expect(first <= 20)
                rig.expectTruth(try exporter.scrape())
                rig.clock.advance(by: .minutes(5))
                #expect(try await exporter.syncOnce())
                // The analytics queries of a minute stay below the published limit of 64.
                #expect(rig.server.log.total - first <= 7)
            }
        }
    }

    @Test("inference keys report their cost from the first reading on, and their budgets")
    func inferenceKeys() async throws {
        try await OpenRouterRig.run(seed: 8, inferenceKeys: ["a1", "b2"]) { rig in
            rig.use(300, in: past)
            try await rig.rig.withExporter { exporter in
                let first = try await rig.scrape(after: exporter)
                #expect(first.samples("genai_key_cost_usd_total").allSatisfy { $0.value == 0 })
                #expect(first.value("genai_budget_limit_usd", ["key": "key a1"]) == 100)
                #expect(first.samples("genai_requests_total").isEmpty)
                let before = rig.store.lifetime(ofKey: OpenRouterRig.keys[0].hash)
                rig.clock.advance(by: .minutes(5))
                rig.use(100, in: Period(start: friday, end: rig.clock.now))
                let second = try await rig.scrape(after: exporter)
                let grown = rig.store.lifetime(ofKey: OpenRouterRig.keys[0].hash) - before
                #expect(second.value("genai_cost_usd_total", ["key": "key a1"]) == grown.doubleValue)
                #expect(second.value("genai_key_cost_usd_total", ["key": "key a1"]) == grown.doubleValue)
                #expect(second.samples("genai_up").map { $0.labels["source"] } == ["key"])
            }
        }
    }

    @Test("an outage loses nothing")
    func outage() async throws {
        try await OpenRouterRig.run(seed: 9) { rig in
            rig.use(500, in: past)
            try await rig.rig.withExporter { exporter in
                let before = try await rig.scrape(after: exporter)
                rig.server.faults.stand(.status(503), at: "/openrouter")
                rig.clock.advance(by: .hours(5))
                rig.use(200, in: Period(start: friday, end: rig.clock.now))
                #expect(try await exporter.syncOnce() == false)
                rig.server.faults.clear()
                rig.clock.advance(by: .minutes(30))
                let after = try await rig.scrape(after: exporter)
                rig.expectTruth(after)
                expectNoFall(from: before, to: after)
            }
        }
    }
}
