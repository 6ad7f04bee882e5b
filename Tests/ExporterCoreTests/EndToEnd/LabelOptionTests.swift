import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Label options: renamed, hashed and limited labels. Sums still equal the provider's charges.
@Suite struct LabelOptionTests {
    private func use(_ model: String, _ cost: Int, at time: Timestamp, succeeded: Bool = true) -> UsageEvent {
        UsageEvent(
            time: time, model: model, modality: "text-to-image", unitPrice: .zero, cost: ExactDecimal(cost),
            succeeded: succeeded)
    }

    @Test("models renamed to the same name are summed")
    func rename() async throws {
        let adjust: (inout ExporterConfiguration) -> Void = {
            $0.accounts[0].labels.rename = ["model": ["a": "team", "b": "team"]]
        }
        try await WaveSpeedRig.run(adjust: adjust) { rig in
            rig.events.add([
                use("a", 1, at: friday - .hours(1)), use("b", 2, at: friday - .hours(1), succeeded: false),
                use("c", 4, at: friday - .hours(30)),
            ])
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                // A request that has not succeeded for an hour has failed.
                rig.clock.advance(by: .minutes(61))
                _ = try await exporter.syncOnce()
                let scrape = try exporter.scrape()
                #expect(
                    scrape.values("genai_cost_usd_total", by: "model", account: "media") == ["team": 3, "c": 4])
                #expect(scrape.value("genai_window_cost_usd", ["model": "team", "window": "today"]) == 3)
                #expect(scrape.value("genai_window_success_ratio", ["model": "team", "window": "today"]) == 0.5)
                rig.clock.advance(by: .minutes(5))
                rig.events.add([use("b", 10, at: rig.clock.now)])
                _ = try await exporter.syncOnce()
                let later = try exporter.scrape()
                #expect(later.value("genai_cost_usd_total", ["model": "team"]) == 13)
                expectNoFall(from: scrape, to: later)
            }
        }
    }

    @Test("label sets beyond the limit are summed, and existing series are kept")
    func seriesLimit() async throws {
        try await WaveSpeedRig.run(adjust: { $0.accounts[0].seriesLimit = 9 }) { rig in
            rig.events.add([use("first", 1, at: friday - .hours(1))])
            var before: Scrape?
            for restart in 0..<2 {
                try await rig.rig.withExporter { exporter in
                    _ = try await exporter.syncOnce()
                    let scrape = try exporter.scrape()
                    #expect(scrape.value("genai_cost_usd_total", ["model": "first"]) == 1)
                    rig.clock.advance(by: .minutes(5))
                    for model in 0..<20 { rig.events.add([use("m\(restart)-\(model)", 1, at: rig.clock.now)]) }
                    _ = try await exporter.syncOnce()
                    _ = try exporter.scrape()
                    rig.clock.advance(by: .minutes(2))
                    try await exporter.tick()
                    let later = try exporter.scrape()
                    if let before { expectNoFall(from: before, to: later) }
                    expectNoFall(from: scrape, to: later)
                    before = later
                    let cost = later.values("genai_cost_usd_total", by: "model", account: "media")
                    #expect(cost.values.reduce(0, +) == Double(1 + 20 * (restart + 1)))
                    #expect(cost["first"] == 1)
                    #expect((cost["__other__"] ?? 0) >= 18)
                    #expect(later.value("genai_series") == 9)
                    #expect(later.value("genai_series_limit") == 9)
                    #expect((later.value("genai_series_overflowed_total") ?? 0) > 50)
                }
            }
        }
    }

    @Test("hashed keys are stable for a salt and hide the key")
    func hashKeys() {
        var options = LabelOptions()
        options.hashKeys = true
        options.rename = ["key": ["c@example.com": "team-c"]]
        let view = LabelView(options, salt: "salt", limit: 10)
        let names = ["key", "model"]
        let shown = view.shown(["a@example.com", "m"], of: names, rank: 1)
        #expect(shown == LabelView(options, salt: "salt", limit: 10).shown(["a@example.com", "m"], of: names, rank: 2))
        #expect(shown[0].wholeMatch(of: /h:[0-9a-f]{16}/) != nil)
        #expect(shown[1] == "m")
        #expect(
            shown != LabelView(options, salt: "other", limit: 10).shown(["a@example.com", "m"], of: names, rank: 1))
        #expect(view.shown(["", "m"], of: names, rank: 1) == ["", "m"])
        #expect(view.shown(["c@example.com", "m"], of: names, rank: 1) == ["team-c", "m"])
    }
}
