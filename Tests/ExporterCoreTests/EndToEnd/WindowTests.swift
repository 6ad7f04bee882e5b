import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Windows are exact sums over UTC days, before and after midnight and the end of a month.
@Suite struct WindowTests {
    private let model = "wavespeed-ai/flux-dev"

    private func event(
        _ text: String, _ cost: String, succeeded: Bool = true, visibleFrom: String? = nil
    ) throws -> UsageEvent {
        let amount = try #require(ExactDecimal(cost))
        return UsageEvent(
            time: try #require(Timestamp(text)), model: model, unitPrice: amount, cost: amount, succeeded: succeeded,
            visibleFrom: visibleFrom.flatMap { Timestamp($0) })
    }

    private func windows(_ exporter: Exporter, _ family: String = "genai_window_cost_usd") throws -> [String: Double] {
        try exporter.scrape().values(family, by: "window", account: "media")
    }

    @Test("windows roll over at midnight and at the end of the month")
    func rollover() async throws {
        let start = try #require(Timestamp("2026-11-30T23:50:00Z"))
        try await WaveSpeedRig.run(at: start, adjust: { $0.accounts[0].history = .days(61) }) { rig in
            rig.events.add([
                try event("2026-10-01T00:00:00Z", "100"), try event("2026-10-31T23:59:59Z", "20"),
                try event("2026-11-01T00:00:00Z", "3"), try event("2026-11-29T12:00:00Z", "0.4"),
                try event("2026-11-30T00:00:00Z", "0.05"), try event("2026-11-30T23:49:00Z", "0.006", succeeded: false),
            ])
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                #expect(
                    try windows(exporter)
                        == ["today": 0.056, "yesterday": 0.4, "month_to_date": 3.456, "previous_month": 120])
                #expect(try windows(exporter, "genai_window_requests")["today"] == 2)
                // The request of 23:49 may still run.
                #expect(try windows(exporter, "genai_window_success_ratio")["today"] == 1)

                // Just after midnight the new day's value is unknown until it was read once: absent, not 0.
                rig.clock.move(to: try #require(Timestamp("2026-12-01T00:00:01Z")))
                try await exporter.tick()
                #expect(try windows(exporter) == [:])

                rig.clock.move(to: try #require(Timestamp("2026-12-01T00:05:00Z")))
                // The last half minute of November was not read before midnight.
                rig.events.add([
                    try event("2026-11-30T23:59:30Z", "0.0007"), try event("2026-12-01T00:01:00Z", "7"),
                    try event("2026-11-30T23:59:40Z", "0.00008", visibleFrom: "2026-12-01T00:15:00Z"),
                ])
                _ = try await exporter.syncOnce()
                #expect(
                    try windows(exporter)
                        == ["today": 7, "yesterday": 0.0567, "month_to_date": 7, "previous_month": 3.4567])

                // A November request that was published late is found by the reading at +20 min.
                rig.clock.move(to: try #require(Timestamp("2026-12-01T00:25:00Z")))
                _ = try await exporter.syncOnce()
                #expect(
                    try windows(exporter)
                        == ["today": 7, "yesterday": 0.05678, "month_to_date": 7, "previous_month": 3.45678])
            }
        }
    }

    @Test("a window that begins before the ledger is absent")
    func beforeLedger() async throws {
        try await WaveSpeedRig.run { rig in
            rig.events.add([try event("2026-11-20T10:00:00Z", "1"), try event("2026-11-14T10:00:00Z", "1")])
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                #expect(try windows(exporter) == ["today": 1, "yesterday": 0])
            }
        }
    }

    @Test("a new series is shown as 0 before its value")
    func newSeries() async throws {
        try await WaveSpeedRig.run { rig in
            rig.events.add([try event("2026-11-20T10:00:00Z", "1")])
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                #expect(try exporter.scrape().value("genai_cost_usd_total", ["model": model]) == 1)

                rig.clock.advance(by: .minutes(5))
                rig.events.add([
                    UsageEvent(time: rig.clock.now, model: "new/model", unitPrice: .zero, cost: ExactDecimal(12))
                ])
                _ = try await exporter.syncOnce()
                #expect(try exporter.scrape().value("genai_cost_usd_total", ["model": "new/model"]) == 0)
                #expect(try windows(exporter)["today"] == 13)
                rig.clock.advance(by: .seconds(89))
                try await exporter.tick()
                #expect(try exporter.scrape().value("genai_cost_usd_total", ["model": "new/model"]) == 0)
                rig.clock.advance(by: .seconds(1))
                try await exporter.tick()
                #expect(try exporter.scrape().value("genai_cost_usd_total", ["model": "new/model"]) == 12)
                // A clock step back does not hide a shown value.
                rig.clock.advance(by: .seconds(-60))
                rig.events.add([
                    UsageEvent(time: rig.clock.now, model: "new/model", unitPrice: .zero, cost: ExactDecimal(1))
                ])
                _ = try await exporter.syncOnce()
                #expect(try exporter.scrape().value("genai_cost_usd_total", ["model": "new/model"]) == 13)
            }
        }
    }

    @Test("closed windows are absent until the data reach their end")
    func staleData() async throws {
        let start = try #require(Timestamp("2026-11-20T05:00:00Z"))
        try await WaveSpeedRig.run(at: start, adjust: { $0.accounts[0].history = .days(40) }) { rig in
            for hour in 0..<24 * 3 { rig.events.add([try event("2026-11-\(19 + hour / 24)T00:10:00Z", "1")]) }
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                #expect(try windows(exporter)["yesterday"] == 24)
                rig.server.faults.stand(.status(503), at: "/wavespeed")
                rig.clock.move(to: try #require(Timestamp("2026-11-21T06:00:00Z")))
                _ = try await exporter.syncOnce()
                let stale = try windows(exporter)
                #expect(stale["yesterday"] == nil)
                #expect(stale["today"] == nil)
                #expect(stale["month_to_date"] != nil)
                rig.clock.move(to: try #require(Timestamp("2026-12-01T06:00:00Z")))
                _ = try await exporter.syncOnce()
                #expect(try windows(exporter) == [:])
                rig.server.faults.clear()
                _ = try await exporter.syncOnce()
                #expect(try windows(exporter)["previous_month"] == 72)
            }
            // The same after a restart that follows a long shutdown.
            rig.clock.move(to: try #require(Timestamp("2027-01-03T06:00:00Z")))
            let restored = try await rig.rig.withExporter { try windows($0) }
            #expect(restored == [:])
        }
    }

    /// Data deleted by retention is missing in every later sum, even if the config then keeps more.
    @Test("sums truncated by retention are absent")
    func retention() async throws {
        let start = try #require(Timestamp("2026-12-02T12:00:00Z"))
        let adjust: (inout ExporterConfiguration) -> Void = {
            $0.global.retention = .days(5)
            $0.accounts[0].history = .days(5)
            $0.accounts[0].ledgerStart = UTCDay("2026-12-01")
            $0.budgets = [.monthly(ExactDecimal(500), account: $0.accounts[0].name)]
        }
        try await WaveSpeedRig.run(at: start, adjust: adjust) { rig in
            for day in 1...20 { rig.events.add([try event("2026-12-\(day < 10 ? "0" : "")\(day)T01:00:00Z", "10")]) }
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                #expect(try windows(exporter)["month_to_date"] == 20)
                for _ in 0..<18 {
                    rig.clock.advance(by: .days(1))
                    _ = try await exporter.syncOnce()
                    try await exporter.tick()
                    let shown = try windows(exporter)["month_to_date"]
                    #expect(shown == nil || shown == Double(rig.clock.now.day.dayOfMonth * 10))
                }
                #expect(try windows(exporter)["month_to_date"] == nil)
                #expect(try exporter.scrape().value("genai_budget_spent_usd") == nil)
                #expect(try exporter.scrape().value("genai_cost_usd_total", ["model": model]) == 200)
            }
            let keepsMore = ExporterRig(
                clock: rig.clock, folder: rig.rig.folder,
                configuration: {
                    var configuration = rig.rig.configuration
                    configuration.global.retention = .days(400)
                    return configuration
                }())
            try await keepsMore.withExporter { exporter in
                _ = try await exporter.syncOnce()
                #expect(try windows(exporter)["month_to_date"] == nil)
                #expect(try windows(exporter)["today"] == 10)
            }
        }
    }
}
