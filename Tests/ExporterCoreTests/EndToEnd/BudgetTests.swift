import ConfigReading
import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// A monthly budget from the config, with spending from the ledger.
@Suite struct BudgetTests {
    private func spend(_ cost: Int, at text: String) throws -> UsageEvent {
        UsageEvent(
            time: try #require(Timestamp(text)), model: "m\(cost)", unitPrice: .zero, cost: ExactDecimal(cost))
    }

    @Test("spending comes from the ledger and restarts with the month")
    func monthly() async throws {
        let start = try #require(Timestamp("2026-11-30T12:00:00Z"))
        let adjust: (inout ExporterConfiguration) -> Void = {
            $0.accounts[0].monthlyBudget = ExactDecimal(500)
            $0.accounts[0].history = .days(35)
        }
        try await WaveSpeedRig.run(at: start, adjust: adjust) { rig in
            rig.events.add([
                try spend(100, at: "2026-10-31T23:00:00Z"), try spend(7, at: "2026-11-01T00:00:00Z"),
                try spend(20, at: "2026-11-30T11:00:00Z"),
            ])
            let labels = ["scope": "config"]
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_budget_limit_usd", labels) == 500)
                #expect(scrape.value("genai_budget_spent_usd", labels) == 27)
                #expect(
                    scrape.value("genai_budget_reset_timestamp_seconds", labels)
                        == Timestamp("2026-12-01T00:00:00Z")?.seconds)
                #expect(scrape.value("genai_budget_period_seconds", labels) == 2_592_000.0)

                rig.clock.advance(by: .minutes(5))
                rig.events.add([try spend(20, at: "2026-11-30T12:01:00Z")])
                _ = try await exporter.syncOnce()
                #expect(try exporter.scrape().value("genai_budget_spent_usd", labels) == 47)

                rig.clock.move(to: try #require(Timestamp("2026-12-01T00:00:05Z")))
                try await exporter.tick()
                let december = try exporter.scrape()
                // No December usage was read yet, so 0 would be a guess.
                #expect(december.value("genai_budget_spent_usd", labels) == nil)
                #expect(december.value("genai_budget_period_seconds", labels) == 2_678_400.0)
                rig.clock.advance(by: .minutes(5))
                _ = try await exporter.syncOnce()
                #expect(try exporter.scrape().value("genai_budget_spent_usd", labels) == 0)
            }
        }
    }

    /// A provider with only running totals does not report in which month its past usage was.
    @Test("usage of unknown days belongs to no month")
    func unknownDays() async throws {
        try await CheapestInferenceRig.run(seed: 3, adjust: { $0.monthlyBudget = ExactDecimal(500) }) { rig in
            rig.use(200, in: Period(start: friday - .days(25), end: friday))
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                rig.clock.advance(by: .minutes(2))
                try await exporter.tick()
                let scrape = try exporter.scrape()
                #expect(scrape.samples("genai_cost_usd_total").contains { $0.value > 0 })
                #expect(scrape.value("genai_budget_limit_usd", ["scope": "config"]) == 500)
                #expect(scrape.value("genai_budget_spent_usd", ["scope": "config"]) == nil)
                let overview = try #require(try await exporter.overview().first)
                #expect(overview.costFrom == friday.day.advanced(by: 1))
                #expect(overview.days.isEmpty)
                #expect(overview.costToday == nil)
                #expect(overview.costThisMonth == nil)

                rig.clock.move(to: try #require(Timestamp("2026-12-01T00:10:00Z")))
                _ = try await exporter.syncOnce()
                let december = try exporter.scrape()
                #expect(december.value("genai_budget_spent_usd", ["scope": "config"]) != nil)
                #expect(try await exporter.overview().first?.costThisMonth != nil)
            }
        }
    }

    @Test("spending is absent in a month that began before the ledger")
    func partialMonth() async throws {
        try await WaveSpeedRig.run(adjust: { $0.accounts[0].monthlyBudget = ExactDecimal(500) }) { rig in
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_budget_limit_usd") == 500)
                #expect(scrape.value("genai_budget_spent_usd") == nil)
            }
        }
    }

    @Test("spending is absent before the first successful sync")
    func neverRead() async throws {
        try await WaveSpeedRig.run(adjust: {
            $0.accounts[0].monthlyBudget = ExactDecimal(500)
            $0.accounts[0].credential = .literal("wrong")
        }) { rig in
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce() == false)
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_budget_limit_usd") == 500)
                #expect(scrape.value("genai_budget_spent_usd") == nil)
            }
        }
    }
}
