import ConfigReading
import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Back-off of a failing source: when it is queried again, also after a restart, and what is logged.
@Suite struct FailureScheduleTests {
    private static let balance = "/wavespeed/api/v3/balance"

    /// Runs an exporter on its schedule until the body ends; the body starts once every source was tried.
    private func running(_ rig: WaveSpeedRig, _ body: (Exporter) async throws -> Void) async throws {
        try await rig.rig.withExporter { exporter in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await exporter.run() }
                while !exporter.isReady { await Task.yield() }
                try await body(exporter)
                group.cancelAll()
            }
        }
    }

    private func times(_ rig: WaveSpeedRig) -> [Timestamp] {
        rig.server.log.requests.filter { $0.path.hasPrefix(Self.balance) }.map(\.time)
    }

    /// Advances the clock until the balance was queried `count` times, a minute whenever every task of the exporter waits
    /// for it: three sources, and the housekeeping.
    private func advance(_ rig: WaveSpeedRig, untilQueries count: Int) async throws {
        while times(rig).count < count {
            await rig.clock.untilAsleep(4)
            rig.clock.advance(by: .minutes(1))
        }
    }

    @Test("Retry-After holds across a restart and a forced sync")
    func retryAfter() async throws {
        try await WaveSpeedRig.run(sleeping: .waits) { rig in
            rig.server.faults.stand(.status(429, retryAfter: .seconds(3600)), at: Self.balance)
            try await running(rig) { _ in #expect(times(rig).count == 1) }
            rig.server.faults.clear()
            rig.clock.advance(by: .minutes(10))
            try await running(rig) { exporter in
                // Ready immediately: a readiness probe must not stop an exporter that waits.
                #expect(times(rig).count == 1)
                #expect(await exporter.syncSoon(account: nil) != nil)
                #expect(try exporter.scrape().value("genai_up", ["source": "balance"]) == 0)
                try await advance(rig, untilQueries: 2)
            }
            let queried = times(rig)
            #expect(queried[1] - queried[0] >= .seconds(3600))
            #expect(queried[1] - queried[0] < .seconds(3600 + 600))
        }
    }

    @Test("a clock that was wrong does not extend Retry-After")
    func retryAfterWithSkew() async throws {
        try await WaveSpeedRig.run(at: friday + .days(300), sleeping: .waits) { rig in
            rig.server.faults.stand(.status(429, retryAfter: .seconds(3600)), at: Self.balance)
            try await running(rig) { _ in }
            rig.server.faults.clear()
            rig.clock.move(to: friday)
            try await running(rig) { _ in
                #expect(times(rig).count == 1)
                try await advance(rig, untilQueries: 2)
            }
            #expect(times(rig)[1] - friday < .seconds(3600 + 600))
        }
    }

    @Test("a rejected key is not retried at a restart unless it was changed")
    func rejectedKey() async throws {
        try await WaveSpeedRig.run(sleeping: .waits) { rig in
            rig.server.faults.stand(.status(401), at: Self.balance)
            try await running(rig) { _ in #expect(times(rig).count == 1) }
            try await running(rig) { exporter in
                #expect(times(rig).count == 1)
                var corrected = rig.rig.configuration
                corrected.accounts[0].credential = .literal("test-token-other")
                try await exporter.reload(corrected)
                while times(rig).count < 2 { await Task.yield() }
            }
        }
    }

    @Test("a bot check page is followed by the normal interval")
    func botCheck() async throws {
        try await WaveSpeedRig.run { rig in
            rig.server.faults.stand(.htmlPage(status: 403), at: Self.balance)
            try await rig.rig.withExporter { exporter in
                for _ in 0..<5 { #expect(try await !exporter.syncOnce()) }
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_syncs_total", ["source": "balance", "result": "http_4xx"]) == 5)
                #expect(scrape.value("genai_syncs_total", ["source": "balance", "result": "auth"]) == 0)
                let next = try #require(scrape.value("genai_sync_next_timestamp_seconds", ["source": "balance"]))
                #expect((270...330).contains(next - friday.seconds))
            }
        }
    }

    @Test("changes are logged once, and a lasting failure every hour")
    func logging() async throws {
        try await WaveSpeedRig.run { rig in
            let log = CapturedLog()
            func lines() -> [String] {
                defer { log.clear() }
                return log.lines.filter { $0.contains("source=balance") }
            }
            try await rig.rig.withExporter(adjust: { environment in
                environment.logger = log.logger(clock: rig.clock, threshold: .info)
            }) { exporter in
                func sync(_ count: Int, after pause: Duration = .minutes(5)) async throws {
                    for _ in 0..<count {
                        _ = try await exporter.syncOnce()
                        rig.clock.advance(by: pause)
                    }
                }
                try await sync(2)
                #expect(lines().isEmpty)

                rig.server.faults.stand(.status(403), at: Self.balance)
                try await sync(10)
                let first = lines()
                #expect(first.count == 1)
                #expect(first.first?.contains("msg=\"sync failed\"") == true)
                #expect(first.first?.contains("reason=auth") == true)

                rig.server.faults.stand(.status(501), at: Self.balance)
                try await sync(1)
                #expect(lines().first?.contains("reason=http_5xx") == true)

                try await sync(24)
                let reminders = lines()
                #expect(reminders.count == 2)
                #expect(reminders.last?.contains("failures=") == true)

                rig.server.faults.clear()
                try await sync(3)
                let recovered = lines()
                #expect(recovered.count == 1)
                #expect(recovered.first?.contains("msg=\"sync succeeds again\"") == true)
                #expect(recovered.first?.contains("failures=35") == true)
            }
        }
    }

    @Test("an outage leaves part of a quota")
    func quota() async throws {
        try await CheapestInferenceRig.run(seed: 12) { rig in
            let path = "/cheapestinference/api/usage"
            rig.server.faults.stand(.status(503), at: path)
            try await rig.rig.withExporter { exporter in
                #expect(try await !exporter.syncOnce())
                #expect(rig.server.log.count(path) == 2)
                let source = ["source": "api_usage"]
                while rig.clock.now < friday + .hours(3) {
                    let next = try #require(
                        try exporter.scrape().value("genai_sync_next_timestamp_seconds", source))
                    rig.clock.move(to: Timestamp(milliseconds: Int64(next * 1000)))
                    _ = try await exporter.syncOnce()
                }
                #expect(rig.server.log.count(path) <= 8)
                rig.server.faults.clear()
                rig.clock.advance(by: .hours(1))
                #expect(try await exporter.syncOnce())
                #expect(try #require(exporter.scrape().value("genai_upstream_quota_remaining", source)) >= 3)
            }
        }
    }
}
