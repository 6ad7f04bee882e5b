import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// A temporarily wrong local clock loses nothing, with or without the provider's `Date` header.
@Suite struct ClockSkewTests {
    private static let start = Timestamp(milliseconds: 1_763_164_800_000)  // 2025-11-15T00:00:00Z

    private func hourly(_ hours: Range<Int>) -> [UsageEvent] {
        hours.map { hour in
            UsageEvent(
                time: Self.start + .hours(hour) + .minutes(1), model: "m", unitPrice: .zero, cost: ExactDecimal(10))
        }
    }

    /// Runs a body with an exporter whose clock can be skewed.
    private func run(
        at now: Timestamp, adjust: (inout AccountConfiguration) -> Void = { _ in },
        _ body: (WaveSpeedRig, SkewedClock, Exporter) async throws -> Void
    ) async throws {
        try await WaveSpeedRig.run(at: now, adjust: { adjust(&$0.accounts[0]) }) { rig in
            let clock = SkewedClock(rig.clock)
            try await rig.rig.withExporter(adjust: { $0.clock = clock }) { try await body(rig, clock, $0) }
        }
    }

    private func cost(_ exporter: Exporter) throws -> Double? {
        try exporter.scrape().value("genai_cost_usd_total", ["model": "m"])
    }

    @Test("a clock that is days off during one sync loses nothing", arguments: [-10, -1, 1, 5, 10], [true, false])
    func oneSync(days: Int, sendsDate: Bool) async throws {
        try await run(at: Self.start + .days(5) + .hours(6)) { rig, clock, exporter in
            if !sendsDate { rig.server.date.value = nil }
            rig.events.add(hourly(0..<24 * 12))
            _ = try await exporter.syncOnce()
            #expect(try cost(exporter) == 1260)

            clock.set(.days(days))
            _ = try await exporter.syncOnce()
            try await exporter.tick()
            let scrape = try exporter.scrape()
            #expect(scrape.value("genai_cost_usd_total", ["model": "m"]) == 1260)
            #expect(
                scrape.value("genai_upstream_clock_skew_seconds", ["source": "usage_stats"]) == nil || sendsDate)
            clock.set(.zero)

            for step in 1...20 {
                rig.clock.move(to: Self.start + .days(5) + .hours(6 + 5 * step))
                _ = try await exporter.syncOnce()
            }
            let hours = 24 * 5 + 6 + 100
            #expect(try cost(exporter) == Double(hours * 10))
            #expect(try exporter.scrape().value("genai_corrections_usd_total") == 0)
        }
    }

    /// The exporter does not run between the skewed sync and the day it was dated to. Without the provider's `Date` the
    /// readings dated ahead would be the last ones on schedule.
    @Test("a shutdown after a skewed sync loses nothing")
    func shutdown() async throws {
        try await WaveSpeedRig.run(at: Self.start + .days(5) + .hours(6)) { rig in
            let clock = SkewedClock(rig.clock)
            rig.events.add(hourly(0..<24 * 12))
            try await rig.rig.withExporter(adjust: { $0.clock = clock }) { exporter in
                _ = try await exporter.syncOnce()
                clock.set(.days(5))
                _ = try await exporter.syncOnce()
            }
            clock.set(.zero)
            rig.clock.move(to: Self.start + .days(11))
            try await rig.rig.withExporter(adjust: { $0.clock = clock }) { exporter in
                _ = try await exporter.syncOnce()
                #expect(try cost(exporter) == Double(11 * 24 * 10))
            }
        }
    }

    @Test("a first start with a skewed clock recovers", arguments: [-400, -40, 40, 400])
    func firstStart(days: Int) async throws {
        try await run(at: Self.start + .days(5), adjust: { $0.history = .days(4) }) { rig, clock, exporter in
            rig.events.add(hourly(0..<24 * 12))
            clock.set(.days(days))
            _ = try await exporter.syncOnce()
            try await exporter.tick()
            // The ledger start would depend only on this clock: nothing is served yet.
            #expect(try exporter.scrape().samples("genai_cost_usd_total").isEmpty)

            clock.set(.zero)
            _ = try await exporter.syncOnce()
            let scrape = try exporter.scrape()
            #expect(scrape.value("genai_cost_usd_total", ["model": "m"]) == Double(4 * 24 * 10))
            #expect(scrape.value("genai_ledger_start_timestamp_seconds") == (Self.start + .days(1)).seconds)
            for _ in 0..<3 { _ = try await exporter.syncOnce() }
            #expect(try exporter.scrape().value("genai_upstream_clock_skew_seconds", ["source": "balance"]) == 0)
        }
    }

    @Test("a configured ledger_start is served with a skewed clock")
    func ledgerStart() async throws {
        try await run(at: Self.start + .days(5), adjust: { $0.ledgerStart = (Self.start + .days(2)).day }) {
            rig, clock, exporter in
            rig.events.add(hourly(0..<24 * 5))
            clock.set(.hours(30))
            _ = try await exporter.syncOnce()
            #expect(try cost(exporter) == Double(3 * 24 * 10))
        }
    }

    @Test("a clock past the retention deletes nothing")
    func retention() async throws {
        try await run(at: Self.start + .days(5) + .hours(6)) { rig, clock, exporter in
            rig.events.add(hourly(0..<24 * 6))
            _ = try await exporter.syncOnce()
            clock.set(.days(800))
            _ = try await exporter.syncOnce()
            try await exporter.tick()
            clock.set(.zero)
            rig.clock.advance(by: .hours(1))
            _ = try await exporter.syncOnce()
            let window = try exporter.scrape().value("genai_window_cost_usd", ["model": "m", "window": "yesterday"])
            #expect(window == 240)
        }
    }
}
