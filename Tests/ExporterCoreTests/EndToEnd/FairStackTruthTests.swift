import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// /metrics exactly equals FairStack's charges by every label, despite outages, revisions and restarts.
@Suite struct FairStackTruthTests {
    private let history = Period(start: friday - .days(6), end: friday)

    @Test("the first sync equals the provider's totals by every label", arguments: [true, false])
    func firstSync(hasKeys: Bool) async throws {
        let keys = hasKeys ? FairStackRig.keys : []
        try await FairStackRig.run(keys: keys) { rig in
            rig.store.add(FairStackTraffic(random: SeededRandom(1)).transactions(3000, in: history))
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                expectTruth(rig.truth, in: scrape, keys: keys)
                #expect(rig.truth.failures.count > 3)
                #expect(rig.truth.topUps > .zero)
                #expect(scrape.value("genai_model_info", ["model": "wan-2-1-t2v", "modality": "video"]) == 1)
                #expect(scrape.value("genai_corrections_usd_total") == 0)
            }
        }
    }

    @Test("new, late and pending usage is counted once, and no counter decreases")
    func lateUsage() async throws {
        try await FairStackRig.run { rig in
            let traffic = FairStackTraffic(random: SeededRandom(2))
            rig.store.add(traffic.transactions(1500, in: history))
            rig.store.add(
                (0..<60).map { index in
                    // Today's, decided or shown only later; yesterday's, shown after the afternoon's last reading.
                    var transaction = traffic.generation("late_\(index)", at: friday - .minutes(index % 50))
                    if index % 3 == 0 { transaction.decidedAt = friday + .minutes(20) }
                    if index % 3 == 1 { transaction.visibleFrom = friday + .minutes(7) }
                    guard index % 3 == 2 else { return transaction }
                    transaction = traffic.generation("yesterday_\(index)", at: friday - .hours(16))
                    transaction.visibleFrom = friday + .hours(1)
                    return transaction
                })
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                var last = try exporter.scrape()
                expectTruth(rig.truth, in: last)
                // The last step is past yesterday's scheduled reading at +24 h.
                for step in [Duration.minutes(5), .minutes(5), .minutes(15), .minutes(30), .hours(9)] {
                    let before = rig.clock.now
                    rig.clock.advance(by: step)
                    rig.store.add(traffic.transactions(70, in: Period(start: before, end: rig.clock.now)))
                    #expect(try await exporter.syncOnce())
                    let scrape = try exporter.scrape()
                    expectNoFall(from: last, to: scrape)
                    if rig.clock.now < friday + .minutes(40) || step == .hours(9) { expectTruth(rig.truth, in: scrape) }
                    last = scrape
                }
                #expect(last.value("genai_corrections_usd_total") == 0)
            }
        }
    }

    @Test("revised usage is a correction, and refunded usage a failure")
    func revisions() async throws {
        try await FairStackRig.run { rig in
            rig.store.add([
                FairStackTransaction(
                    id: "one", time: friday - .hours(20), key: "key_web", model: "m", modality: "video",
                    micro: 8_000_000),
                FairStackTransaction(
                    id: "two", time: friday - .hours(20), key: "key_web", model: "m", modality: "video",
                    micro: 2_000_000),
                FairStackTransaction(
                    id: "new", time: friday - .minutes(30), model: "m", modality: "video", micro: 500_000),
            ])
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                let first = try exporter.scrape()
                expectTruth(rig.truth, in: first)
                // One becomes cheaper, one is refunded, and a new one fails immediately.
                #expect(rig.store.revise("one") { $0.micro = 5_000_000 })
                #expect(rig.store.revise("two") { $0.status = "refunded" })
                #expect(rig.store.revise("new") { $0.status = "failed" })
                let soon = try await rig.syncPastZeroFirst(exporter)
                #expect(soon.value("genai_request_outcomes_total", ["model": "m", "outcome": "failure"]) == 1)
                // Thursday's revision is found by its daily total, before any scheduled reading.
                #expect(soon.value("genai_corrections_usd_total") == 5.5)
                // Thursday is read for the last time on Monday.
                rig.clock.advance(by: .days(3))
                _ = try await exporter.syncOnce()
                let last = try exporter.scrape()
                expectNoFall(from: first, to: soon)
                expectNoFall(from: soon, to: last)
                #expect(last.value("genai_cost_usd_total", ["key": "web", "model": "m"]) == 10)
                #expect(last.value("genai_corrections_usd_total") == 5.5)
                #expect(last.value("genai_request_outcomes_total", ["model": "m", "outcome": "failure"]) == 2)
            }
        }
    }

    @Test("all usage is read after an outage", arguments: [Duration.hours(5), .days(3)])
    func outage(length: Duration) async throws {
        try await FairStackRig.run { rig in
            let traffic = FairStackTraffic(random: SeededRandom(4))
            rig.store.add(traffic.transactions(800, in: history))
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                let before = try exporter.scrape()
                rig.server.faults.stand(.status(503), at: "/fairstack")
                for _ in 0..<5 {
                    let from = rig.clock.now
                    rig.clock.advance(by: length / 5)
                    rig.store.add(traffic.transactions(150, in: Period(start: from, end: rig.clock.now)))
                    #expect(try await !exporter.syncOnce())
                }
                let during = try exporter.scrape()
                expectNoFall(from: before, to: during)
                for source in ["usage", "transactions", "credits"] {
                    #expect(during.value("genai_up", ["source": source]) == 0)
                    #expect(during.value("genai_syncs_total", ["source": source, "result": "http_5xx"]) == 5)
                }
                rig.server.faults.clear()
                rig.clock.advance(by: .minutes(5))
                #expect(try await exporter.syncOnce())
                let after = try exporter.scrape()
                expectNoFall(from: during, to: after)
                expectTruth(rig.truth, in: after)
            }
        }
    }

    @Test("a restart serves the same values immediately and continues")
    func restart() async throws {
        try await FairStackRig.run { rig in
            let traffic = FairStackTraffic(random: SeededRandom(5))
            rig.store.add(traffic.transactions(600, in: history))
            let before = try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                return try exporter.scrape()
            }
            rig.clock.advance(by: .minutes(3))
            rig.store.add(traffic.transactions(60, in: Period(start: friday, end: rig.clock.now)))
            try await rig.rig.withExporter { exporter in
                let restored = try exporter.scrape()
                #expect(restored.counters == before.counters)
                #expect(restored.samples("genai_balance_usd").count == 1)
                _ = try await exporter.syncOnce()
                let scrape = try exporter.scrape()
                expectNoFall(from: restored, to: scrape)
                expectTruth(rig.truth, in: scrape)
            }
        }
    }

    @Test("an interrupted first sync resumes and serves only complete history")
    func interruption() async throws {
        try await FairStackRig.run { rig in
            rig.store.add(FairStackTraffic(random: SeededRandom(6)).transactions(900, in: history))
            try await rig.rig.withExporter { exporter in
                // The first page succeeds, then five attempts per endpoint fail.
                rig.server.faults.queue(.style([]), .status(500), .status(500), .status(500), at: "/fairstack/v1/usage")
                rig.server.faults.stand(.status(500), at: "/fairstack/v1/usage")
                #expect(try await !exporter.syncOnce())
                #expect(try exporter.scrape().samples("genai_cost_usd_total").isEmpty)
                #expect(try exporter.scrape().samples("genai_topups_usd_total").isEmpty)
                rig.server.faults.clear()
                rig.clock.advance(by: .minutes(1))
                #expect(try await exporter.syncOnce())
                expectTruth(rig.truth, in: try exporter.scrape())
            }
        }
    }

    @Test("a key added later is counted from the next day")
    func addedKey() async throws {
        try await FairStackRig.run(keys: []) { rig in
            let traffic = FairStackTraffic(random: SeededRandom(7))
            rig.store.add(traffic.transactions(400, in: history))
            let before = try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                return try exporter.scrape()
            }
            rig.clock.advance(by: .hours(1))
            rig.store.add(traffic.transactions(100, in: Period(start: friday, end: rig.clock.now)))
            try await rig.with(keys: FairStackRig.keys).withExporter { exporter in
                _ = try await exporter.syncOnce()
                let sameDay = try exporter.scrape()
                expectNoFall(from: before, to: sameDay)
                #expect(sameDay.samples("genai_key_cost_usd_total").isEmpty)
                let saturday = Period(start: friday + .hours(9), end: friday + .hours(20))
                rig.store.add(traffic.transactions(100, in: saturday))
                rig.clock.advance(by: .hours(19))
                let nextDay = try await rig.syncPastZeroFirst(exporter)
                expectNoFall(from: sameDay, to: nextDay)
                let cost = rig.store.truth(in: saturday).cost
                for key in FairStackRig.keys {
                    let spent = cost.filter { $0.key.key == key.id }.values.reduce(.zero, +).doubleValue
                    #expect(nextDay.value("genai_key_cost_usd_total", ["key": key.name]) == spent)
                }
                expectWholeCost(rig.truth, in: nextDay)
            }
            // Keys removed again: the day continues with its initial keys, and the next one without.
            rig.clock.advance(by: .hours(1))
            rig.store.add(traffic.transactions(100, in: Period(start: friday + .hours(20), end: rig.clock.now)))
            try await rig.with(keys: []).withExporter { exporter in
                let restored = try exporter.scrape()
                let scrape = try await rig.syncPastZeroFirst(exporter)
                expectNoFall(from: restored, to: scrape)
                expectWholeCost(rig.truth, in: scrape)
                #expect(scrape.value("genai_corrections_usd_total") == 0)
            }
        }
    }

    @Test("usage that arrives during reading is counted once")
    func concurrentUsage() async throws {
        let clock = LivingClock(friday)
        let store = FairStackStore(clock: clock)
        var simulated = FairStackAccount(name: "stack", token: "test-token-stack", store: store)
        simulated.keyIDs = Set(FairStackRig.keys.compactMap(\.id))
        simulated.rateLimit = FairStackRateLimit(perMinute: 60)
        simulated.forms.hasKeyList = true
        let traffic = FairStackTraffic(random: SeededRandom(8))
        store.add(traffic.transactions(2000, in: Period(start: friday - .days(30), end: friday)))
        // Usage that arrives meanwhile has a key: usage without a key must neither grow nor shrink.
        store.add(
            traffic.transactions(4000, in: Period(start: friday, end: friday + .minutes(10))).map { transaction in
                var transaction = transaction
                transaction.key = transaction.key ?? "key_web"
                return transaction
            })
        try await withTemporaryFolder { folder in
            try await withSimulator([FairStackAPI(accounts: [simulated])], clock: clock) { server, baseURL in
                var configuration = FairStackRig.configuration(at: baseURL, keys: FairStackRig.keys)
                configuration.accounts[0].history = .days(30)
                var environment = Exporter.Environment(logger: .init(label: "test"))
                environment.clock = clock
                environment.random = SeededRandom(9)
                environment.logger.logLevel = .critical
                let exporter = try await Exporter(configuration, storage: folder, environment: environment)
                #expect(try await exporter.syncOnce())
                // A first start with a month of history and two keys stays within the rate limit.
                let first = try exporter.scrape()
                #expect(server.log.total > 100)
                #expect(first.samples("genai_upstream_requests_total").allSatisfy { $0.labels["code"] == "200" })
                var last = first
                while clock.now < friday + .minutes(12) {
                    #expect(try await exporter.syncOnce())
                    let scrape = try exporter.scrape()
                    expectNoFall(from: last, to: scrape)
                    last = scrape
                    try await clock.sleep(for: .seconds(40))
                }
                #expect(try await exporter.syncOnce())
                last = try exporter.scrape()
                expectTruth(
                    store.truth(in: Period(start: (friday - .days(30)).day.start, end: friday + .days(1))), in: last)
                #expect(last.value("genai_corrections_usd_total") == 0)
                try await exporter.close()
            }
        }
    }
}

/// Asserts that the cost over all keys and models equals the provider's.
private func expectWholeCost(
    _ truth: FairStackTruth, in scrape: Scrape, sourceLocation: SourceLocation = #_sourceLocation
) {
    let sums = scrape.values("genai_cost_usd_total", by: "model", account: FairStackRig.account)
    var wanted: [String: ExactDecimal] = [:]
    for (labels, amount) in truth.cost { wanted[labels.model, default: .zero] += amount }
    #expect(sums.keys.sorted() == wanted.keys.sorted(), sourceLocation: sourceLocation)
    for (model, amount) in wanted {
        // Sums of the scrape's own doubles.
        #expect(abs((sums[model] ?? 0) - amount.doubleValue) < 1e-9, sourceLocation: sourceLocation)
    }
}
