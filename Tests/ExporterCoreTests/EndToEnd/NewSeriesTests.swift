import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// New series begin at 0, and no operator action makes a counter decrease or jump.
@Suite struct NewSeriesTests {
    private func use(_ model: String, _ cost: Int, at time: Timestamp) -> UsageEvent {
        UsageEvent(time: time, model: model, unitPrice: .zero, cost: ExactDecimal(cost))
    }

    private func cost(_ exporter: Exporter, _ model: String) throws -> Double? {
        try exporter.scrape().value("genai_cost_usd_total", ["model": model])
    }

    /// Simulates a scrape interval of two minutes.
    @Test("a new series stays 0 until a scrape has seen it")
    func zeroFirst() async throws {
        try await WaveSpeedRig.run { rig in
            rig.events.add(use("old", 1, at: friday - .hours(1)))
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                rig.events.add(use("new", 50, at: rig.clock.now))
                rig.clock.advance(by: .seconds(5))
                _ = try await exporter.syncOnce()
                // Without a scrape the series is not released, because no scrape has seen it at 0.
                for _ in 0..<40 {
                    rig.clock.advance(by: .seconds(5))
                    try await exporter.tick()
                }
                #expect(try cost(exporter, "new") == 0)
                rig.clock.advance(by: .seconds(120))
                try await exporter.tick()
                #expect(try cost(exporter, "new") == 50)
            }
        }
    }

    @Test("_created is the time from which a series counts")
    func createdTimestamp() async throws {
        try await WaveSpeedRig.run { rig in
            rig.events.add(use("old", 1, at: friday - .hours(1)))
            try await rig.rig.withExporter(adjust: { $0.showsCreated = true }) { exporter in
                _ = try await exporter.syncOnce()
                rig.events.add(use("new", 50, at: rig.clock.now))
                rig.clock.advance(by: .seconds(5))
                let born = rig.clock.now
                _ = try await exporter.syncOnce()
                let body = exporter.store.current.body(.openMetrics100, .identity).bytes
                let text = String(decoding: body, as: UTF8.self)
                func created(_ model: String) -> Double? {
                    let line = text.split(separator: "\n").first {
                        $0.hasPrefix("genai_cost_usd_created{") && $0.contains("model=\"\(model)\"")
                    }
                    return line?.split(separator: " ").last.flatMap { Double($0) }
                }
                // History counts from the ledger's start, later series from their first reading.
                #expect(created("old") == Double((friday - .days(6)).day.start.milliseconds) / 1000)
                #expect(created("new") == Double(born.milliseconds) / 1000)
            }
        }
    }

    @Test("a released series stays released across a restart, a reload and a clock step back")
    func release() async throws {
        try await WaveSpeedRig.run { rig in
            rig.events.add(use("old", 1, at: friday - .hours(1)))
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                rig.events.add(use("new", 77, at: rig.clock.now))
                rig.clock.advance(by: .seconds(5))
                _ = try await exporter.syncOnce()
                #expect(try cost(exporter, "new") == 0)
                rig.clock.advance(by: .seconds(95))
                try await exporter.tick()
                #expect(try cost(exporter, "new") == 77)
                var slower = rig.rig.configuration
                slower.global.zeroFirst = .minutes(30)
                try await exporter.reload(slower)
                #expect(try cost(exporter, "new") == 77)
            }
            rig.clock.advance(by: .seconds(-60))
            try await rig.rig.withExporter { exporter in
                #expect(try cost(exporter, "new") == 77)
                _ = try await exporter.syncOnce()
                rig.clock.advance(by: .seconds(30))
                try await exporter.tick()
                #expect(try cost(exporter, "new") == 77)
            }
        }
    }

    @Test("a one-time print holds no series, and printed series are not held later")
    func oneTimePrint() async throws {
        try await WaveSpeedRig.run { rig in
            rig.events.add(use("old", 1, at: friday - .hours(1)))
            for expected in [nil, 50.0] {
                let printed = try await rig.rig.withExporter(adjust: { $0.holdsNewSeries = false }) { exporter in
                    _ = try await exporter.syncOnce()
                    return try cost(exporter, "new")
                }
                #expect(printed == expected)
                if printed == nil { rig.events.add(use("new", 50, at: rig.clock.now)) }
                rig.clock.advance(by: .minutes(5))
            }
            let served = try await rig.rig.withExporter { try cost($0, "new") }
            #expect(served == 50)
        }
    }

    /// `increase()` over the family equals the usage, for raised and lowered limits.
    @Test("a changed series limit moves nothing between labels")
    func seriesLimit() async throws {
        try await WaveSpeedRig.run(adjust: { $0.accounts[0].seriesLimit = 12 }) { rig in
            for model in 0..<8 { rig.events.add(use("m\(model)", 100, at: friday - .hours(2))) }
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                var before = try exporter.scrape()
                var used = 800.0
                for (index, limit) in [30, 12, 40, 6, 40].enumerated() {
                    var changed = rig.rig.configuration
                    changed.accounts[0].seriesLimit = limit
                    try await exporter.reload(changed)
                    let reloaded = try exporter.scrape()
                    #expect(Self.increase(from: before, to: reloaded) == 0)
                    for model in 0..<8 { rig.events.add(use("m\(model)", index + 1, at: rig.clock.now)) }
                    used += Double(8 * (index + 1))
                    rig.clock.advance(by: .minutes(5))
                    _ = try await exporter.syncOnce()
                    let after = try exporter.scrape()
                    #expect(Self.increase(from: reloaded, to: after) == Double(8 * (index + 1)))
                    #expect(
                        after.value("genai_series_overflowed_total") ?? 0
                            >= before.value("genai_series_overflowed_total") ?? 0)
                    before = after
                }
                // Nothing is lost: series in use and out of use sum to the total usage.
                #expect(
                    try exporter.scrape().values("genai_cost_usd_total", by: "account", account: "media")["media"]
                        == used)
            }
        }
    }

    /// Prometheus' increase: growth of existing series, from 0 after a decrease, and nothing for a first sample.
    private static func increase(from before: Scrape, to after: Scrape) -> Double {
        let old = before.counters.filter { $0.key.hasPrefix("genai_cost_usd_total") }
        return after.counters.filter { $0.key.hasPrefix("genai_cost_usd_total") }.reduce(0) { sum, series in
            guard let value = old[series.key] else { return sum }
            return sum + (series.value >= value ? series.value - value : series.value)
        }
    }

    /// A housekeeping round of an account replaced by a reload must not restore its series.
    @Test("a replaced account shows no series")
    func replacedAccount() async throws {
        try await WaveSpeedRig.run { rig in
            rig.events.add(use("old", 1, at: friday - .hours(1)))
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                rig.events.add(use("new", 50, at: rig.clock.now))
                rig.clock.advance(by: .seconds(5))
                _ = try await exporter.syncOnce()
                _ = try exporter.scrape()
                let old = await exporter.accounts[0].accountRenderer
                var changed = rig.rig.configuration
                changed.global.windows = [.today]
                try await exporter.reload(changed)
                _ = try exporter.scrape()
                rig.clock.advance(by: .minutes(2))
                _ = try await old.tick()
                try await exporter.tick()
                rig.clock.move(to: friday.day.advanced(by: 1).start + .seconds(1))
                _ = try await old.tick()
                try await exporter.tick()
                let scrape = try exporter.scrape()
                #expect(scrape.samples("genai_cost_usd_total").count == 2)
                #expect(scrape.value("genai_cost_usd_total", ["model": "new"]) == 50)
            }
        }
    }

    /// The corrections have no label to fold: the limit must neither hide nor duplicate them.
    @Test("a series without labels is served exactly once at any limit")
    func unlabelledSeries() async throws {
        try await WaveSpeedRig.run(adjust: { $0.accounts[0].seriesLimit = 3 }) { rig in
            let ids = (0..<8).map { rig.events.add(use("m\($0)", 10, at: friday - .hours(2))) }
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                for (index, limit) in [3, 100, 2, 50].enumerated() {
                    var changed = rig.rig.configuration
                    changed.accounts[0].seriesLimit = limit
                    try await exporter.reload(changed)
                    rig.events.revise(ids[index], cost: ExactDecimal(9))
                    rig.clock.advance(by: .minutes(5))
                    _ = try await exporter.syncOnce()
                    let corrections = try exporter.scrape().samples("genai_corrections_usd_total")
                    #expect(corrections.map(\.value) == [Double(index + 1)])
                }
            }
        }
    }
}
