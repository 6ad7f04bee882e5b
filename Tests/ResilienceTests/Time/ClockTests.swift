import ExporterCore
import ExporterTestSupport
import PrometheusExposition
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Calendar boundaries and clock steps, for all providers at once.
@Suite(.serialized) struct ClockTests {
    /// The last evening of months of every length, in leap years, and of a year.
    static let turns: [String] = [
        "2026-12-31T22:30:00Z", "2027-02-28T22:30:00Z", "2028-02-28T22:30:00Z", "2028-02-29T22:30:00Z",
        "2027-04-30T22:30:00Z",
    ]

    /// From before midnight into the first of the month: counters continue, `today` and `month_to_date` restart, and
    /// the old `today` becomes `yesterday`.
    @Test("counters continue and windows restart at the turn of the month", arguments: turns)
    func monthTurns(_ evening: String) async throws {
        let now = try #require(Timestamp(evening))
        try await SimulatedFleet.run(at: now, history: .days(2)) { rig in
            try await rig.withExporter { exporter in
                try await rig.sync(exporter)
                try rig.expectSameUsage(exporter)
                var before = try exporter.usage
                let lastDay = try exporter.scrape().windowCost("today")
                for _ in 0..<4 {
                    rig.clock.advance(by: .hours(1))
                    try await rig.sync(exporter)
                    let usage = try exporter.usage
                    expectNothingFell(before, usage)
                    before = usage
                }
                let after = try exporter.scrape()
                #expect(rig.clock.now.day == now.day.advanced(by: 1))
                // Includes usage after the evening's first scrape.
                let yesterday = after.windowCost("yesterday")
                #expect(!yesterday.isEmpty)
                for (model, cost) in lastDay { #expect((yesterday[model] ?? -1) >= cost - 1e-9, "\(model)") }
                let isFirst = rig.clock.now.day.description.hasSuffix("-01")
                #expect((after.windowCost("today") == after.windowCost("month_to_date")) == isFirst)
                try rig.expectSameUsage(exporter)
            }
            // The same after a restart on the first day of the month.
            try await rig.withExporter { exporter in
                try await rig.sync(exporter)
                try rig.expectSameUsage(exporter)
            }
        }
    }

    /// WaveSpeedAI returns at most 31 days: queries a history of a month of each length, on its last and first day.
    @Test(
        "queries span at most 31 days",
        arguments: ["2026-12-31", "2027-01-31", "2027-03-01", "2028-03-01", "2027-05-01"])
    func thirtyOneDays(_ day: String) async throws {
        let now = try #require(Timestamp(day + "T09:00:00Z"))
        try await SimulatedFleet.run(at: now, history: .days(31), load: 0.01) { rig in
            try await rig.withExporter { exporter in
                #expect(try await rig.sync(exporter))
                try rig.expectSameUsage(exporter)
                for request in rig.server.log.requests where request.path.hasSuffix("/usage_stats") {
                    let body = try #require(request.body)
                    guard case .string(let start)? = body["start_time"], case .string(let end)? = body["end_time"],
                        let from = Timestamp(start), let to = Timestamp(end)
                    else {
                        Issue.record("a query without its span: \(body)")
                        continue
                    }
                    #expect(to - from <= .days(31) && to > from, "\(start) … \(end)")
                }
            }
        }
    }

    /// A clock that steps forward or back and then recovers neither double-counts nor loses usage.
    @Test(
        "clock steps neither double nor lose usage",
        arguments: [Duration.days(1), .days(-1), .hours(-3)], [false, true])
    func clockSteps(_ step: Duration, withRestart: Bool) async throws {
        try await SimulatedFleet.run { rig in
            var before: [String: Double] = [:]
            try await rig.withExporter { exporter in
                try await rig.sync(exporter)
                before = try exporter.usage
                rig.skewed.set(step)
                if !withRestart {
                    try await rig.sync(exporter)
                    expectNothingFell(before, try exporter.usage)
                }
            }
            try await rig.withExporter { exporter in
                expectNothingFell(before, try exporter.usage)
                try await rig.sync(exporter)
                expectNothingFell(before, try exporter.usage)
                rig.skewed.set(.zero)
                for _ in 0..<3 {
                    rig.clock.advance(by: .hours(1))
                    try await rig.sync(exporter)
                    expectNothingFell(before, try exporter.usage)
                }
                // Values derived from rolling totals use the exporter's clock for the elapsed time.
                try rig.expectSameUsage(exporter, reconstructed: step < .zero)
            }
        }
    }
}

extension Scrape {
    /// USD of a window by account, key and model.
    fileprivate func windowCost(_ window: String) -> [String: Double] {
        var costs: [String: Double] = [:]
        for sample in samples("genai_window_cost_usd") where sample.labels["window"] == window {
            let name = ["account", "key", "model"].map { sample.labels[$0, default: ""] }.joined(separator: "/")
            costs[name, default: 0] += sample.value
        }
        return costs
    }
}
