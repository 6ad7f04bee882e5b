import ExporterTestSupport
import NIOConcurrencyHelpers
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// /metrics exactly equals Venice's charges by every label, despite outages, revisions and restarts.
@Suite struct VeniceTruthTests {
    private let past = Period(start: friday - .days(5), end: friday)

    @Test(
        "the first sync equals the provider's totals at both endpoints, and without newer forms",
        arguments: [(VeniceAvailability.State.open, true), (.missing, true), (.open, false)])
    func firstSync(history: VeniceAvailability.State, newerForms: Bool) async throws {
        let availability = VeniceAvailability(usage: .open, history: history)
        try await VeniceRig.run(availability: availability, newerForms: newerForms) { rig in
            let traffic = VeniceTestTraffic(random: SeededRandom(1))
            rig.store.add(traffic.charges(2500, in: past))
            traffic.addPlansAndRefunds(to: rig.store, in: past)
            for hour in 1...30 { rig.store.add(traffic.chargesAcross(friday - .hours(hour), 3)) }
            rig.store.add(VeniceIncome(time: friday - .hours(30), amount: ExactDecimal(100)))
            rig.store.add(
                VeniceIncome(time: friday - .hours(20), amount: ExactDecimal(micros: 420_000), isRefund: true))
            rig.store.add(VeniceIncome(time: friday - .hours(15), amount: ExactDecimal(100), currency: "DIEM"))
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                rig.expectTruth(scrape)
                #expect(scrape.value("genai_reconciliation_difference_usd") == 0)
                #expect(scrape.samples("genai_balance_usd").count == 1)
                #expect(scrape.value("genai_balance_credits", ["unit": "diem"]) != nil)
                #expect(scrape.value("genai_budget_limit_usd", ["key": "team a", "scope": "key"]) == 40)
                #expect(scrape.value("genai_budget_period_seconds", ["key": "team a"]) == 2_592_000)
                #expect(scrape.value("genai_rate_limit_tokens_per_minute", ["model": "llama-3.3-70b"]) == 750_000)
                #expect(scrape.samples("genai_key_info").count == (newerForms ? 6 : 3))
                #expect(scrape.samples("genai_up").count == 6)
            }
        }
    }

    @Test("new, late and revised usage is counted once, and no counter decreases")
    func revisions() async throws {
        try await VeniceRig.run { rig in
            let traffic = VeniceTestTraffic(random: SeededRandom(2))
            rig.store.add(traffic.charges(1500, in: past))
            var revised = VeniceCharge(
                id: "revised", time: friday - .hours(20), model: "revised", work: .images(8), unitPrice: ExactDecimal(1)
            )
            revised.keyID = "key-revised"
            let id = rig.store.add(revised)
            // Yesterday's charges that the provider posts half an hour from now.
            for var late in traffic.charges(60, in: Period(start: friday - .hours(19), end: friday - .hours(17))) {
                late.visibleFrom = friday + .minutes(30)
                rig.store.add(late)
            }
            try await rig.rig.withExporter { exporter in
                let first = try await rig.scrape(after: exporter)
                rig.expectTruth(first)

                rig.clock.advance(by: .minutes(5))
                rig.store.add(traffic.charges(300, in: Period(start: friday, end: rig.clock.now)))
                rig.store.add(VeniceIncome(time: rig.clock.now - .seconds(60), amount: ExactDecimal(25)))
                traffic.addPlansAndRefunds(to: rig.store, in: Period(start: friday, end: rig.clock.now))
                let second = try await rig.scrape(after: exporter)
                rig.expectTruth(second)
                expectNoFall(from: first, to: second)

                // Past the readings of those hours at +24 h, so that the late charges are found.
                rig.clock.advance(by: .hours(10))
                rig.store.add(traffic.chargesAcross(friday + .hours(2), 20))
                let third = try await rig.scrape(after: exporter)
                rig.expectTruth(third)
                expectNoFall(from: second, to: third)

                // A higher price adds cost; the daily total finds it before its hour's scheduled reading.
                revised.unitPrice = ExactDecimal(2)
                #expect(rig.store.replace(id, by: revised))
                rig.clock.advance(by: .hours(30))
                let fourth = try await rig.scrape(after: exporter)
                #expect(fourth.value("genai_cost_usd_total", ["model": "revised"]) == 16)
                rig.clock.advance(by: .hours(48))
                let fifth = try await rig.scrape(after: exporter)
                rig.expectTruth(fifth)
                #expect(fifth.value("genai_cost_usd_total", ["model": "revised"]) == 16)
                expectNoFall(from: third, to: fifth)
            }
        }
    }

    @Test("a reduced charge is a correction, and no counter decreases")
    func reduction() async throws {
        try await VeniceRig.run { rig in
            var charge = VeniceCharge(
                id: "x", time: friday - .minutes(30), model: "x", work: .images(8), unitPrice: ExactDecimal(1))
            let id = rig.store.add(charge)
            try await rig.rig.withExporter { exporter in
                let first = try await rig.scrape(after: exporter)
                charge.work = .images(5)
                #expect(rig.store.replace(id, by: charge))
                // Past the hour's next scheduled reading.
                rig.clock.advance(by: .minutes(20))
                let second = try await rig.scrape(after: exporter)
                expectNoFall(from: first, to: second)
                #expect(second.value("genai_corrections_usd_total") == 3)
                #expect(second.value("genai_cost_usd_total", ["model": "x"]) == 8)
            }
        }
    }

    @Test("all usage is read after an outage", arguments: [Duration.hours(5), .days(3)])
    func outage(length: Duration) async throws {
        try await VeniceRig.run { rig in
            let traffic = VeniceTestTraffic(random: SeededRandom(4))
            rig.store.add(traffic.charges(800, in: past))
            try await rig.rig.withExporter { exporter in
                let before = try await rig.scrape(after: exporter)
                rig.server.faults.stand(.status(503), at: "/venice")
                rig.store.add(traffic.charges(600, in: Period(start: rig.clock.now, end: rig.clock.now + length)))
                for _ in 0..<3 {
                    rig.clock.advance(by: length / 3)
                    let during = try await rig.scrape(after: exporter, succeeds: false)
                    expectNoFall(from: before, to: during)
                    #expect(
                        during.values("genai_cost_usd_total", by: "model", account: "stack")
                            == before.values("genai_cost_usd_total", by: "model", account: "stack"))
                    #expect(during.value("genai_up", ["source": "usage"]) == 0)
                }
                rig.server.faults.clear()
                let after = try await rig.scrape(after: exporter)
                rig.expectTruth(after)
                expectNoFall(from: before, to: after)
            }
        }
    }

    @Test("a restart serves the same values immediately and continues")
    func restart() async throws {
        try await VeniceRig.run { rig in
            let traffic = VeniceTestTraffic(random: SeededRandom(5))
            rig.store.add(traffic.charges(800, in: past))
            let before = try await rig.rig.withExporter { try await rig.scrape(after: $0) }
            rig.store.add(traffic.charges(100, in: Period(start: friday, end: rig.clock.now)))
            try await rig.rig.withExporter { exporter in
                #expect(try exporter.scrape().counters == before.counters)
                let after = try await rig.scrape(after: exporter)
                rig.expectTruth(after)
                expectNoFall(from: before, to: after)
            }
        }
    }

    @Test("an interrupted first sync resumes")
    func interruption() async throws {
        try await VeniceRig.run { rig in
            let traffic = VeniceTestTraffic(random: SeededRandom(6))
            rig.store.add(traffic.charges(1200, in: past))
            try await rig.rig.withExporter { exporter in
                // Three queries succeed, then the provider fails permanently.
                rig.server.faults.queue(
                    .style([]), .style(.numbersAsStrings), .style(.withoutOptionalFields),
                    at: "/venice/api/v1/billing/usage-history")
                rig.server.faults.stand(.status(500), at: "/venice/api/v1/billing/usage-history")
                let half = try await rig.scrape(after: exporter, succeeds: false)
                // Counters are served only once their history is complete.
                #expect(half.samples("genai_cost_usd_total").isEmpty)
            }
            rig.server.faults.clear()
            let before = rig.server.log.count("/venice/api/v1/billing/usage-history")
            try await rig.rig.withExporter { exporter in
                let scrape = try await rig.scrape(after: exporter)
                rig.expectTruth(scrape)
                #expect(rig.server.log.count("/venice/api/v1/billing/usage-history") - before <= 4)
            }
        }
    }

    @Test(
        "rows that arrive while pages are read are neither lost nor doubled",
        arguments: [VeniceAvailability.State.open, .missing])
    func concurrentRows(history: VeniceAvailability.State) async throws {
        let availability = VeniceAvailability(usage: .open, history: history)
        let traffic = BusyTraffic()
        let wrap = { (api: VeniceAPI, store: VeniceBillingStore) -> any SimulatedProvider in
            BusyVenice(api: api, store: store, traffic: traffic)
        }
        try await VeniceRig.run(availability: availability, wrap: wrap) { rig in
            let before = VeniceTestTraffic(random: SeededRandom(7))
            rig.store.add(before.charges(1500, in: Period(start: friday - .minutes(180), end: friday)))
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                traffic.end()
                // The hours with pushed rows are read again at their next scheduled readings.
                rig.clock.advance(by: .hours(7))
                rig.expectTruth(try await rig.scrape(after: exporter))
            }
        }
    }

    @Test("an endpoint that is closed is replaced by its successor")
    func sunset() async throws {
        let availability = VeniceAvailability(usage: .deprecated, history: .missing)
        try await VeniceRig.run(availability: availability) { rig in
            let traffic = VeniceTestTraffic(random: SeededRandom(9))
            rig.store.add(traffic.charges(500, in: past))
            try await rig.rig.withExporter { exporter in
                let first = try await rig.scrape(after: exporter)
                let labels = ["provider": "venice", "account": "stack", "source": "usage"]
                #expect(first.value("genai_upstream_deprecated", labels) == 1)
                #expect(first.value("genai_upstream_sunset_timestamp_seconds", labels) == 1_789_516_800)
                #expect(first.value("genai_upstream_deprecated", ["source": "balance"]) == 0)
                rig.availability.usage = .gone
                rig.availability.history = .open
                rig.store.add(traffic.charges(50, in: Period(start: friday, end: rig.clock.now)))
                let second = try await rig.scrape(after: exporter)
                rig.expectTruth(second)
                expectNoFall(from: first, to: second)
                #expect(second.value("genai_upstream_deprecated", labels) == 0)
                #expect(second.samples("genai_upstream_sunset_timestamp_seconds").isEmpty)
                // The choice is stored: the closed endpoint is not queried again.
                let before = rig.server.log.requests.count { $0.endpoint == "/api/v1/billing/usage" }
                _ = try await rig.scrape(after: exporter)
                #expect(rig.server.log.requests.count { $0.endpoint == "/api/v1/billing/usage" } == before)
            }
        }
    }

    @Test("an inference key fails only the sources that need an admin key")
    func inferenceKey() async throws {
        try await VeniceRig.run(token: "test-inference") { rig in
            try await rig.rig.withExporter { exporter in
                let scrape = try await rig.scrape(after: exporter, succeeds: false)
                for source in ["usage", "usage_analytics", "balance", "api_keys"] {
                    #expect(scrape.value("genai_up", ["source": source]) == 0)
                    #expect(scrape.value("genai_syncs_total", ["source": source, "result": "auth"]) == 1)
                }
                #expect(scrape.value("genai_up", ["source": "rate_limits"]) == 1)
                #expect(scrape.samples("genai_rate_limit_requests_per_minute").count == 1)
                // The log of refused requests is optional.
                #expect(scrape.value("genai_up", ["source": "rate_limit_log"]) == 1)
                #expect(scrape.samples("genai_throttled_requests_total").isEmpty)
                // What the key may still spend is its only balance.
                #expect(scrape.value("genai_balance_usd") == 5000)
                #expect(scrape.value("genai_balance_credits", ["unit": "diem"]) == 100_000)
                // One rejected request each, and one for the balance as such: repeated ones would lock the client out.
                #expect(rig.server.log.total == 7)
                rig.clock.advance(by: .minutes(6))
                _ = try await exporter.syncOnce()
                #expect(rig.server.log.count("/venice/api/v1/api_keys/rate_limits/log") == 1)
            }
        }
    }
}

/// Adds new and late charges with every request, until it is ended.
private final class BusyTraffic: Sendable {
    private let isOver = NIOLockedValueBox(false)
    private let random = SeededRandom(8)

    func end() { isOver.withLockedValue { $0 = true } }

    func charges(at now: Timestamp) -> [VeniceCharge] {
        guard !isOver.withLockedValue({ $0 }) else { return [] }
        let traffic = VeniceTestTraffic(random: random)
        return traffic.charges(3, in: Period(start: now - .minutes(170), end: now)) + [traffic.charge(at: now)]
    }
}

/// A Venice API whose charges change while its pages are read.
private struct BusyVenice: SimulatedProvider {
    let api: VeniceAPI
    let store: VeniceBillingStore
    let traffic: BusyTraffic

    var name: String { api.name }

    func account(ofToken token: String) -> String? { api.account(ofToken: token) }

    func answer(_ request: APIRequest, style: AnswerStyle) -> SimulatedResponse {
        defer { if request.endpoint.contains("billing/usage") { store.add(traffic.charges(at: request.time)) } }
        return api.answer(request, style: style)
    }

    func error(_ status: Int, _ message: String) -> SimulatedResponse { api.error(status, message) }
}
