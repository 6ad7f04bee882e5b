import ConfigReading
import ExporterTestSupport
import PrometheusExposition
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// /metrics exactly equals the provider's charges and counts, despite outages, revisions and restarts.
@Suite struct CheapestInferenceTruthTests {
    private let month = Period(start: friday - .days(40), end: friday)

    @Test("the first sync equals the provider's totals by every label")
    func firstSync() async throws {
        try await CheapestInferenceRig.run(seed: 1) { rig in
            rig.use(900, in: month)
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                rig.expectTruth(scrape)
                let prod = ["key": "prod"]
                #expect(scrape.value("genai_budget_limit_usd", prod) == 60)
                #expect(scrape.value("genai_key_info", prod)?.isEqual(to: 1) == true)
                #expect(scrape.samples("genai_key_info").allSatisfy { $0.labels["key_id"]?.hasPrefix("id-") == true })
                #expect(scrape.samples("genai_key_active").map(\.value) == [1, 1, 1])
                #expect(scrape.samples("genai_balance_usd").count == 1)
                #expect(scrape.value("genai_plan_price_usd", ["plan": "pro"]) == 60)
                let week = scrape.value("genai_window_requests", ["key": "prod", "window": "last_7d"])
                #expect(week == Double(rig.keys[0].rolling(.days(7)).requests))
            }
        }
    }

    @Test("new, late and revised usage is counted once, and no counter decreases")
    func revisions() async throws {
        try await CheapestInferenceRig.run(seed: 2) { rig in
            rig.use(600, in: month)
            let revised = rig.keys[0].add(rig.request(at: friday - .hours(2)))
            let takenBack = rig.request(at: friday - .hours(3))
            let removed = rig.keys[0].add(takenBack)
            rig.keys[0].revise(revised, cost: ExactDecimal(8))
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                var last = try exporter.scrape()
                for hour in 1...30 {
                    // Requests that the provider counts two hours late.
                    if hour == 26 {
                        let (made, shown) = (rig.clock.now - .minutes(20), rig.clock.now + .hours(2))
                        for key in rig.keys { key.add(rig.request(at: made, visibleFrom: shown)) }
                    }
                    #expect(try await rig.hour(exporter))
                    let scrape = try exporter.scrape()
                    rig.expectTruth(scrape)
                    expectNoFall(from: last, to: scrape)
                    last = scrape
                }
                rig.keys[0].revise(revised, cost: ExactDecimal(5))
                rig.keys[0].remove(removed)
                _ = try await rig.hour(exporter, use: 0)
                let scrape = try exporter.scrape()
                expectNoFall(from: last, to: scrape)
                let fall = ExactDecimal(3) + takenBack.cost
                #expect(scrape.value("genai_corrections_usd_total") == fall.doubleValue)
                rig.expectTruth(scrape, kept: takenBack, corrected: fall)
            }
        }
    }

    @Test(
        "dips, error objects and newer forms neither lose nor double spending", arguments: 1...6 as ClosedRange<UInt64>
    )
    func quirks(seed: UInt64) async throws {
        let draw = SeededRandom(seed)
        let management = [nil, .older, .newer][Int(seed % 3)] as CheapestInferenceAPI.Management?
        try await CheapestInferenceRig.run(
            seed: seed, quirks: CheapestInferenceQuirks(seed: seed), management: management,
            wrapsUsage: draw.int(0...1) == 1
        ) { rig in
            rig.use(300, in: month)
            func truth(_ key: CheapestInferenceKey) -> Double { key.truth(after: friday - .days(10)).cost.doubleValue }
            func cost(_ key: CheapestInferenceKey, _ scrape: Scrape) -> Double? {
                scrape.value("genai_cost_usd_total", ["key": key.properties.name])
            }
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                // The first total is history: only later top-ups count.
                for _ in 0..<9 {
                    let isCounting = try exporter.scrape().value("genai_topups_usd_total") != nil
                    guard management != nil, !isCounting else { break }
                    rig.clock.advance(by: .minutes(1))
                    _ = try await exporter.syncOnce()
                }
                var last = try exporter.scrape()
                var toppedUp = management == nil ? nil : 0 as Double?
                for _ in 0..<40 {
                    if let before = toppedUp, draw.int(0...4) == 0 {
                        rig.account.topUp(ExactDecimal(20))
                        toppedUp = before + 20
                    }
                    _ = try await rig.hour(exporter, use: 3)
                    let scrape = try exporter.scrape()
                    expectNoFall(from: last, to: scrape)
                    for key in rig.keys { #expect(cost(key, scrape) ?? 0 <= truth(key)) }
                    last = scrape
                }
                // Until a response is right again.
                for _ in 0..<20
                where !rig.keys.allSatisfy({ cost($0, last) == truth($0) })
                    || last.value("genai_topups_usd_total") != toppedUp
                {
                    _ = try await rig.hour(exporter, use: 0)
                    last = try exporter.scrape()
                }
                for key in rig.keys { #expect(cost(key, last) == truth(key)) }
                #expect(last.value("genai_topups_usd_total") == toppedUp)
            }
        }
    }

    @Test("no usage is missing after an outage of five hours")
    func shortOutage() async throws {
        try await CheapestInferenceRig.run(seed: 3) { rig in
            rig.use(500, in: month)
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                for _ in 0..<25 { _ = try await rig.hour(exporter) }
                let before = try exporter.scrape()
                rig.server.faults.stand(.status(503), at: "/cheapestinference")
                for _ in 0..<5 { #expect(try await !rig.hour(exporter)) }
                let during = try exporter.scrape()
                expectNoFall(from: before, to: during)
                #expect(during.value("genai_up", ["source": "usage"]) == 0)
                #expect(during.value("genai_up", ["source": "api_usage"]) == 0)
                #expect(during.samples("genai_window_requests").count >= 12)
                rig.server.faults.clear()
                #expect(try await rig.hour(exporter))
                let after = try exporter.scrape()
                rig.expectTruth(after)
                expectNoFall(from: during, to: after)
            }
        }
    }

    @Test("no usage is missing after an outage of three days and a restart")
    func longOutage() async throws {
        try await CheapestInferenceRig.run(seed: 4) { rig in
            rig.use(500, in: month)
            let before = try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                for _ in 0..<100 { _ = try await rig.hour(exporter, use: 3) }
                rig.server.faults.stand(.status(502), at: "/cheapestinference")
                for _ in 0..<12 {
                    let start = rig.clock.now
                    rig.clock.advance(by: .hours(6))
                    rig.use(10, in: Period(start: start, end: rig.clock.now))
                    _ = try await exporter.syncOnce()
                }
                return try exporter.scrape()
            }
            rig.server.faults.clear()
            try await rig.rig.withExporter { exporter in
                let restored = try exporter.scrape()
                #expect(restored.counters == before.counters)
                #expect(restored.samples("genai_key_info").count == 3)
                #expect(try await rig.hour(exporter))
                let after = try exporter.scrape()
                rig.expectTruth(after)
                expectNoFall(from: before, to: after)
            }
        }
    }

    @Test("the ledger's windows join the provider's once a day is complete")
    func windowSources() async throws {
        try await CheapestInferenceRig.run(seed: 5) { rig in
            rig.use(300, in: month)
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                func windows() throws -> Set<String> {
                    Set(try exporter.scrape().samples("genai_window_requests").compactMap { $0.labels["window"] })
                }
                let provided: Set<String> = ["last_1h", "last_24h", "last_7d", "last_30d"]
                // Usage found by the first sync belongs to unknown days.
                #expect(try windows() == provided)
                for _ in 0..<10 { _ = try await rig.hour(exporter) }
                #expect(try windows() == provided.union(["today"]))
                // One hour of Saturday, seven requests: usage found by the midnight sync belongs to Friday.
                let today = try exporter.scrape().value("genai_window_requests", ["key": "prod", "window": "today"])
                #expect(today == 7)
            }
        }
    }

    @Test("cost is the sum over budget periods")
    func budgetPeriods() async throws {
        try await CheapestInferenceRig.run(seed: 6) { rig in
            let key = rig.keys[0]
            key.add(rig.request(at: friday - .days(1)))
            try await rig.rig.withExporter { exporter in
                var (total, spent) = (ExactDecimal.zero, ExactDecimal.zero)
                for step in 0..<40 {
                    if step > 0 {
                        rig.clock.advance(by: .days(3))
                        key.add(rig.request(at: rig.clock.now))
                    }
                    _ = try await exporter.syncOnce()
                    if key.budgetPeriod.start > rig.clock.now - .days(3), step > 0 { total += spent }
                    spent = key.spent
                    let shown = try exporter.scrape().value("genai_cost_usd_total", ["key": "prod"])
                    #expect(shown == (total + spent).doubleValue)
                }
            }
        }
    }

    @Test("a wrong management key does not affect the consumption keys")
    func wrongManagementKey() async throws {
        try await CheapestInferenceRig.run(
            seed: 7,
            adjust: { account in
                account.managementKey = .literal("mk-wrong")
                account.keys[1].credential = .literal("sk-wrong")
            }
        ) { rig in
            rig.use(50, in: month)
            rig.keys[2].setActive(false)
            try await rig.rig.withExporter { exporter in
                #expect(try await !exporter.syncOnce())
                let scrape = try exporter.scrape()
                for source in ["usage", "api_usage", "api_keys", "billing_credits", "billing_status"] {
                    #expect(scrape.value("genai_up", ["source": source]) == 0)
                    #expect(scrape.value("genai_syncs_total", ["source": source, "result": "auth"]) == 1)
                }
                #expect(scrape.value("genai_up", ["source": "plans"]) == 1)
                #expect(scrape.samples("genai_cost_usd_total").map { $0.labels["key"] } == ["prod"])
                #expect(scrape.value("genai_key_active", ["key": "prod"]) == 1)
                #expect(scrape.value("genai_key_active", ["key": "young"]) == 0)
                #expect(scrape.samples("genai_balance_usd").count == 1)
            }
        }
    }
}
