import ExporterTestSupport
import PrometheusExposition
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// /metrics exactly equals the provider's charges, despite outages, revisions and restarts.
@Suite struct WaveSpeedTruthTests {
    @Test("the first sync equals the provider's totals by model")
    func firstSync() async throws {
        try await WaveSpeedRig.run { rig in
            let traffic = TestTraffic(random: SeededRandom(1))
            rig.events.add(traffic.events(4000, in: Period(start: friday - .days(6), end: friday)))
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                rig.expectTruth(try exporter.scrape())
            }
        }
    }

    @Test("new, late and revised usage is counted once, and no counter decreases")
    func revisions() async throws {
        try await WaveSpeedRig.run { rig in
            let traffic = TestTraffic(random: SeededRandom(2))
            rig.events.add(traffic.events(2000, in: Period(start: friday - .days(6), end: friday)))
            let revised = rig.events.add(
                UsageEvent(
                    time: friday - .hours(20), model: TestTraffic.models[0], unitPrice: ExactDecimal(8),
                    cost: ExactDecimal(8)))
            // Yesterday's requests that the provider publishes half an hour from now.
            for _ in 0..<50 {
                rig.events.add([
                    traffic.event(at: friday - .hours(18), visibleFrom: friday + .minutes(30))
                ])
            }
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                let first = try exporter.scrape()
                rig.expectTruth(first)

                rig.clock.advance(by: .minutes(5))
                rig.events.add(traffic.events(300, in: Period(start: friday, end: rig.clock.now)))
                _ = try await exporter.syncOnce()
                let second = try exporter.scrape()
                rig.expectTruth(second)
                expectNoFall(from: first, to: second)

                // Past yesterday's scheduled reading at +24 h, so that the late requests are found.
                rig.clock.advance(by: .hours(10))
                _ = try await exporter.syncOnce()
                let third = try exporter.scrape()
                rig.expectTruth(third)
                expectNoFall(from: second, to: third)

                // Thursday is read for the last time at +72 h, on Monday.
                #expect(rig.events.revise(revised, cost: ExactDecimal(5)))
                rig.clock.advance(by: .hours(48))
                _ = try await exporter.syncOnce()
                let fourth = try exporter.scrape()
                expectNoFall(from: third, to: fourth)
                #expect(fourth.value("genai_corrections_usd_total") == 3)
                let model = TestTraffic.models[0]
                let cost = try #require(fourth.value("genai_cost_usd_total", ["model": model]))
                #expect(cost == third.value("genai_cost_usd_total", ["model": model]))
                let truth = try #require(rig.truth.byModel[model]).cost
                #expect(cost == (truth + ExactDecimal(3)).doubleValue)
            }
        }
    }

    @Test("a restart serves the same values immediately and continues")
    func restart() async throws {
        try await WaveSpeedRig.run { rig in
            let traffic = TestTraffic(random: SeededRandom(3))
            rig.events.add(traffic.events(1000, in: Period(start: friday - .days(6), end: friday)))
            let before = try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                return try exporter.scrape()
            }
            rig.clock.advance(by: .minutes(1))
            rig.events.add(traffic.events(100, in: Period(start: friday, end: rig.clock.now)))
            try await rig.rig.withExporter { exporter in
                let restored = try exporter.scrape()
                #expect(restored.counters == before.counters)
                #expect(restored.samples("genai_balance_usd").count == 1)
                #expect(restored.value("genai_up", ["source": "usage_stats"]) == 1)
                _ = try await exporter.syncOnce()
                rig.expectTruth(try exporter.scrape())
            }
        }
    }

    @Test("an outage keeps old values, and then all missed usage is read")
    func outage() async throws {
        try await WaveSpeedRig.run { rig in
            let traffic = TestTraffic(random: SeededRandom(4))
            rig.events.add(traffic.events(500, in: Period(start: friday - .days(6), end: friday)))
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                let before = try exporter.scrape()
                rig.server.faults.stand(.status(503), at: "/wavespeed")
                for _ in 0..<12 {
                    rig.clock.advance(by: .minutes(5))
                    rig.events.add(
                        traffic.events(20, in: Period(start: rig.clock.now - .minutes(5), end: rig.clock.now)))
                    #expect(try await !exporter.syncOnce())
                }
                let during = try exporter.scrape()
                expectNoFall(from: before, to: during)
                #expect(
                    during.values("genai_cost_usd_total", by: "model", account: "media")
                        == before.values("genai_cost_usd_total", by: "model", account: "media"))
                #expect(during.value("genai_up", ["source": "usage_stats"]) == 0)
                #expect(during.value("genai_syncs_total", ["source": "usage_stats", "result": "http_5xx"]) == 12)
                rig.server.faults.clear()
                rig.clock.advance(by: .minutes(5))
                #expect(try await exporter.syncOnce())
                rig.expectTruth(try exporter.scrape())
                #expect(try exporter.scrape().value("genai_up", ["source": "usage_stats"]) == 1)
            }
        }
    }
}

/// Asserts that no counter of a scrape is missing or lower in a later one.
func expectNoFall(from earlier: Scrape, to later: Scrape, sourceLocation: SourceLocation = #_sourceLocation) {
    let now = later.counters
    for (series, value) in earlier.counters {
        let next = now[series]
        #expect(next != nil, "\(series) disappeared", sourceLocation: sourceLocation)
        #expect((next ?? 0) >= value, "\(series) fell", sourceLocation: sourceLocation)
    }
}
