import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// A day whose scheduled readings are over is read again at an operator's request, and the difference counts once.
@Suite struct ReopenedDayTests {
    private func use(_ cost: Int, at time: Timestamp) -> UsageEvent {
        UsageEvent(time: time, model: "m", unitPrice: .zero, cost: ExactDecimal(cost))
    }

    @Test func differencesOfASettledDayCountOnce() async throws {
        try await WaveSpeedRig.run(adjust: { $0.accounts[0].history = .days(60) }) { rig in
            let day = (friday - .days(50)).day
            let id = rig.events.add(use(10, at: day.start + .hours(3)))
            rig.events.add(use(1, at: friday - .hours(1)))
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                #expect(try exporter.scrape().value("genai_cost_usd_total", ["model": "m"]) == 11)

                rig.events.add(use(2, at: day.start + .hours(4)))
                rig.clock.advance(by: .minutes(5))
                _ = try await exporter.syncOnce()
                #expect(try exporter.scrape().value("genai_cost_usd_total", ["model": "m"]) == 11)
                for _ in 0..<2 {
                    #expect(try await exporter.sync(account: "media", days: day...day) == .accepted)
                    _ = try await exporter.syncOnce()
                }
                #expect(try exporter.scrape().value("genai_cost_usd_total", ["model": "m"]) == 13)

                rig.events.revise(id, cost: ExactDecimal(4))
                _ = try await exporter.sync(account: "media", days: day...day.advanced(by: 3))
                _ = try await exporter.syncOnce()
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_cost_usd_total", ["model": "m"]) == 13)
                #expect(scrape.value("genai_corrections_usd_total") == 6)
            }
        }
    }

    @Test func daysThatCannotBeReadAreRefused() async throws {
        try await WaveSpeedRig.run { rig in
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                let today = friday.day
                let before = (friday - .days(40)).day
                #expect(try await exporter.sync(account: "media", days: before...before) == .daysNotKept)
                let after = today.advanced(by: 2)
                #expect(try await exporter.sync(account: "media", days: after...after) == .daysNotKept)
                #expect(try await exporter.sync(account: "nobody", days: today...today) == .unknownAccount)
            }
        }
    }
}
