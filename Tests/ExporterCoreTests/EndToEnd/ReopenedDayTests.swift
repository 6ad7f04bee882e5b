import ExporterTestSupport
import ProviderSimulator
import Providers
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// A day past its scheduled readings is read again on request, and the difference is counted once.
@Suite struct ReopenedDayTests {
    private func use(_ cost: Int, at time: Timestamp) -> UsageEvent {
        UsageEvent(time: time, model: "m", unitPrice: .zero, cost: ExactDecimal(cost))
    }

    @Test("differences of a settled day are counted once")
    func settledDay() async throws {
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

    /// Asserts that a normal sync does not find usage added to an old day, and that a requested one counts it once.
    ///
    /// - Parameters:
    ///   - family: a counter whose series sum up to the usage.
    ///   - add: adds 1 to it on that day.
    private func expectRepair(
        _ rig: ExporterRig, _ family: String, on day: UTCDay, add: () -> Void
    ) async throws {
        var configuration = rig.configuration
        configuration.accounts[0].history = .days(60)
        let account = configuration.accounts[0].name
        let long = ExporterRig(clock: rig.clock, folder: rig.folder, configuration: configuration)
        try await long.withExporter { exporter in
            func total() throws -> Double { try exporter.scrape().samples(family).map(\.value).reduce(0, +) }
            _ = try await exporter.syncOnce()
            #expect(try total() == 1)
            add()
            rig.clock.advance(by: .hours(2))
            _ = try await exporter.syncOnce()
            #expect(try total() == 1)
            for _ in 0..<2 {
                #expect(try await exporter.sync(account: account, days: day...day) == .accepted)
                rig.clock.advance(by: .hours(2))
                _ = try await exporter.syncOnce()
                #expect(try total() == 2)
            }
        }
    }

    @Test("a reload keeps requested days")
    func reload() async throws {
        try await WaveSpeedRig.run(adjust: { $0.accounts[0].history = .days(60) }) { rig in
            let day = (friday - .days(50)).day
            rig.events.add(use(10, at: day.start + .hours(3)))
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                rig.events.add(use(2, at: day.start + .hours(4)))
                rig.server.faults.stand(.status(503), at: "/wavespeed")
                #expect(try await exporter.sync(account: "media", days: day...day) == .accepted)
                var changed = rig.rig.configuration
                changed.accounts[0].syncInterval = .minutes(3)
                try await exporter.reload(changed)
                rig.server.faults.clear()
                rig.clock.advance(by: .minutes(5))
                _ = try await exporter.syncOnce()
                #expect(try exporter.scrape().value("genai_cost_usd_total", ["model": "m"]) == 12)
            }
        }
    }

    @Test("a day of FairStack is repaired")
    func fairStack() async throws {
        let day = (friday - .days(50)).day
        try await FairStackRig.run { rig in
            func add(_ id: String) {
                rig.store.add([
                    FairStackTransaction(
                        id: id, time: day.start + .hours(3), model: "m", modality: "image", micro: 1_000_000)
                ])
            }
            add("first")
            try await expectRepair(rig.rig, "genai_cost_usd_total", on: day) { add("late") }
        }
    }

    @Test("a day of Venice is repaired", arguments: [VeniceEndpointSetting.usage, .usageHistory])
    func venice(setting: VeniceEndpointSetting) async throws {
        let day = (friday - .days(50)).day
        try await VeniceRig.run(availability: VeniceAvailability(usage: .open)) { rig in
            func add(_ id: String) {
                rig.store.add(
                    VeniceCharge(
                        id: id, time: day.start + .hours(3), model: "grok-imagine-image", work: .images(1),
                        unitPrice: ExactDecimal(1)))
            }
            add("first")
            var configuration = rig.rig.configuration
            configuration.accounts[0].endpoint = setting
            let chosen = ExporterRig(clock: rig.clock, folder: rig.rig.folder, configuration: configuration)
            try await expectRepair(chosen, "genai_cost_usd_total", on: day) { add("late") }
        }
    }

    @Test("a day of useapi.net is repaired")
    func useAPI() async throws {
        let day = (friday - .days(50)).day
        try await UseAPIRig.run { rig in
            func add() {
                rig.requests.add(
                    UseAPIRequest(
                        time: day.start + .hours(3), bot: "kling", config: "a@example.com", endpoint: "post-videos",
                        code: 200, milliseconds: 900))
            }
            add()
            try await expectRepair(rig.rig, "genai_requests_total", on: day, add: add)
        }
    }

    @Test("days that cannot be read are rejected")
    func rejectedDays() async throws {
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
