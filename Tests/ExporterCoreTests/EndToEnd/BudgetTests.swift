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
            $0.budgets = [.monthly(ExactDecimal(500), account: $0.accounts[0].name)]
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
        try await CheapestInferenceRig.run(seed: 3, budgets: [.monthly(ExactDecimal(500), account: "ci")]) { rig in
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
        try await WaveSpeedRig.run(adjust: { $0.budgets = [.monthly(ExactDecimal(500), account: $0.accounts[0].name)] })
        { rig in
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
            $0.budgets = [.monthly(ExactDecimal(500), account: $0.accounts[0].name)]
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

    @Test("a budget over several accounts is the sum of their cost, known only when all of it is")
    func shared() async throws {
        var filter = BudgetFilter(account: NamePattern("media*"))
        filter.model = NamePattern("m*")
        let budget = Budget(name: "both", limit: ExactDecimal(100), filter: filter)
        try await WaveSpeedRig.run(adjust: { configuration in
            var second = configuration.accounts[0]
            second.name = "media2"
            second.credential = .literal("wrong")
            configuration.accounts.append(second)
            for index in configuration.accounts.indices { configuration.accounts[index].history = .days(30) }
            configuration.budgets = [budget]
        }) { rig in
            rig.events.add([
                try spend(20, at: "2026-11-19T10:00:00Z"), try spend(20, at: "2026-11-20T10:00:00Z"),
                UsageEvent(time: friday - .hours(1), model: "", unitPrice: .zero, cost: ExactDecimal(3)),
            ])
            let labels = ["budget": "both", "scope": "config"]
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                #expect(try exporter.scrape().value("genai_budget_limit_usd", labels) == 100)
                #expect(try exporter.scrape().value("genai_budget_spent_usd", labels) == nil)

                var changed = rig.rig.configuration
                changed.accounts[1].credential = .literal("test-token-rotated")
                try await exporter.reload(changed)
                #expect(try await exporter.syncOnce())
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_budget_spent_usd", labels) == 80)
                #expect(scrape.value("genai_budget_unattributed_usd", ["budget": "both"]) == 6)
                #expect(scrape.value("genai_budget_top_share_ratio", ["budget": "both", "model": "m20"]) == 1)
                let reached = scrape.samples("genai_budget_threshold_reached").filter { $0.value == 1 }
                #expect(Set(reached.map { $0.labels["threshold"] }) == ["50%", "80%"])
                // 60 USD in two days and 15 hours; 20 are left.
                let exhaustion = scrape.value("genai_budget_estimated_exhaustion_timestamp_seconds")
                #expect(exhaustion.map { abs($0 - friday.seconds - 20 / 80 * 63 * 3600) < 1 } == true)

                // Without the second account the budget is that of the first one, under the same labels.
                changed.accounts.removeLast()
                try await exporter.reload(changed)
                let alone = try exporter.scrape()
                #expect(alone.value("genai_budget_spent_usd", labels) == 40)
                #expect(alone.samples("genai_budget_limit_usd").count == 1)
            }
            // A restart serves what was read before.
            try await rig.rig.withExporter { exporter in
                let scrape = try exporter.scrape()
                #expect(scrape.samples("genai_budget_limit_usd").count == 1)
            }
        }
    }

    @Test("a removed budget has no series, and a changed one its new figures at once, without a sync")
    func reloaded() async throws {
        try await WaveSpeedRig.run(adjust: { configuration in
            configuration.accounts[0].history = .days(30)
            configuration.budgets = [
                Budget(name: "a", limit: ExactDecimal(10)), Budget(name: "b", limit: ExactDecimal(10), period: .day),
            ]
        }) { rig in
            rig.events.add([try spend(7, at: "2026-11-19T10:00:00Z"), try spend(2, at: "2026-11-20T10:00:00Z")])
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                #expect(try exporter.scrape().value("genai_budget_spent_usd", ["budget": "b"]) == 2)
                var changed = rig.rig.configuration
                changed.budgets = [Budget(name: "a", limit: ExactDecimal(50), period: .week)]
                try await exporter.reload(changed)
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_budget_spent_usd", ["budget": "a"]) == 9)
                #expect(scrape.value("genai_budget_limit_usd", ["budget": "a"]) == 50)
                for family in GaugeFamily.budgets {
                    #expect(!scrape.samples(family.name).contains { $0.labels["budget"] == "b" }, "\(family)")
                }
            }
        }
    }
}
