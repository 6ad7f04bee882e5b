import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Syncs requested by an operator, with `/-/sync` or a reload, while a source fails.
@Suite struct ForcedSyncBackOffTests {
    /// Runs a body with an exporter whose balance fails, once it has been tried.
    private func run(
        failing fault: Fault, _ body: @Sendable @escaping (WaveSpeedRig, Exporter) async throws -> Void
    ) async throws {
        try await WaveSpeedRig.run(sleeping: .waits) { rig in
            rig.server.faults.stand(fault, at: "/wavespeed/api/v3/balance")
            try await rig.rig.withExporter { exporter in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await exporter.run() }
                    while !exporter.isReady { await Task.yield() }
                    try await body(rig, exporter)
                    group.cancelAll()
                }
            }
        }
    }

    private func failures(_ exporter: Exporter, _ reason: String) throws -> Double? {
        try exporter.scrape().value("genai_syncs_total", ["source": "balance", "result": reason])
    }

    @Test("a forced sync skips a source in back-off, and syncs the others") func backOff()
        async throws
    {
        try await run(failing: .status(401)) { _, exporter in
            let before = try exporter.scrape().value(
                "genai_syncs_total", ["source": "usage_stats", "result": "success"])
            #expect(await exporter.syncSoon(account: nil) == 1)
            let after = (before ?? 0) + 1
            while try exporter.scrape().value(
                "genai_syncs_total", ["source": "usage_stats", "result": "success"]) != after
            { await Task.yield() }
            #expect(try failures(exporter, "auth") == 1)
        }
    }

    @Test("a reload retries a wrong key, but not within thirty seconds") func reload() async throws {
        try await run(failing: .status(401)) { rig, exporter in
            try await exporter.reload(rig.rig.configuration)
            #expect(await exporter.syncSoon(account: nil) == 1)
            #expect(try failures(exporter, "auth") == 1)
            rig.clock.advance(by: .seconds(31))
            try await exporter.reload(rig.rig.configuration)
            while try failures(exporter, "auth") != 2 { await Task.yield() }
        }
    }

    @Test("a reload does not end the back-off of a rate-limited source") func rateLimit() async throws {
        try await run(failing: .status(429, retryAfter: .seconds(3600))) { rig, exporter in
            rig.clock.advance(by: .seconds(31))
            try await exporter.reload(rig.rig.configuration)
            #expect(await exporter.syncSoon(account: nil) == 1)
            #expect(try failures(exporter, "rate_limited") == 1)
        }
    }
}
