import ConfigReading
import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Failures at useapi.net affect only the failing source.
@Suite struct UseAPIFailureTests {
    private func results(_ exporter: Exporter, _ source: String) throws -> Set<String> {
        let failed = try exporter.scrape().samples("genai_syncs_total").filter {
            $0.labels["source"] == source && $0.value > 0
        }
        return Set(failed.compactMap { $0.labels["result"] })
    }

    @Test("a bot that the API rejects fails only its own source")
    func rejectedBot() async throws {
        try await UseAPIRig.run(adjust: { $0.bots = ["midjourney", "no-such-bot"] }) { rig in
            rig.requests.add(
                UseAPIRequest(time: friday - .hours(1), bot: "midjourney", config: "c", endpoint: "post-imagine"))
            try await rig.rig.withExporter { exporter in
                let succeeded = try await exporter.syncOnce()
                #expect(!succeeded)
                #expect(try results(exporter, "stats/no-such-bot") == ["http_4xx"])
                #expect(try results(exporter, "stats/midjourney") == ["success"])
                #expect(try exporter.scrape().value("genai_requests_total", ["model": "midjourney"]) == 1)
            }
        }
    }

    @Test("a wrong key and a missing subscription count as auth")
    func auth() async throws {
        try await UseAPIRig.run(adjust: { $0.credential = .literal("wrong") }) { rig in
            try await rig.rig.withExporter { exporter in
                let succeeded = try await exporter.syncOnce()
                #expect(!succeeded)
                for source in ["stats/kling", "account"] { #expect(try results(exporter, source) == ["auth"]) }
            }
        }
        try await UseAPIRig.run(isSubscribed: false) { rig in
            try await rig.rig.withExporter { exporter in
                #expect(try await !exporter.syncOnce())
                #expect(try results(exporter, "stats/kling") == ["auth"])
                #expect(try results(exporter, "account") == ["success"])
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_plan_info", ["plan": "subscription", "status": "inactive"]) == 1)
                #expect(scrape.samples("genai_requests_total").isEmpty)
            }
        }
    }

    @Test(
        "useapi.net's own status codes have an explanation",
        arguments: [(402, "subscription"), (412, "credits"), (596, "session")])
    func statuses(status: Int, word: String) async throws {
        try await UseAPIRig.run(adjust: { $0.bots = ["kling"] }) { rig in
            rig.server.faults.stand(.status(status), at: "/useapi/v2/account/stats")
            try await rig.rig.withExporter { exporter in
                #expect(try await !exporter.syncOnce())
                #expect(try results(exporter, "stats/kling") == ["auth"])
                let errors = try await exporter.overview().flatMap { $0.sources.compactMap(\.status.lastError) }
                #expect(errors.contains { $0.contains("HTTP \(status)") && $0.contains(word) })
            }
        }
    }

    @Test("linked accounts are shown, and stay if the endpoint is missing later")
    func linkedAccounts() async throws {
        try await UseAPIRig.run { rig in
            try await rig.rig.withExporter { exporter in
                #expect(try await exporter.syncOnce())
                let family = "genai_upstream_accounts"
                let first = try exporter.scrape()
                #expect(first.value(family, ["upstream_service": "Midjourney API", "state": "active"]) == 2)
                #expect(first.value(family, ["upstream_service": "Midjourney API", "state": "error"]) == 1)
                // A count of errors is left out where it is 0.
                #expect(first.value(family, ["upstream_service": "Kling API", "state": "error"]) == 0)
                #expect(first.samples(family).count == 4)
                #expect(first.value("genai_plan_info", ["status": "active"]) == 1)

                rig.server.faults.stand(.status(404), at: "/useapi/v2/account")
                rig.server.faults.stand(.style([]), at: "/useapi/v2/account/stats")
                #expect(try await !exporter.syncOnce())
                let second = try exporter.scrape()
                #expect(second.samples(family) == first.samples(family))
                #expect(second.value("genai_plan_info", ["status": "active"]) == 1)
                #expect(second.value("genai_up", ["source": "account"]) == 0)
            }
        }
    }

    @Test(
        "faults are counted by reason and do not affect the data",
        arguments: [
            (Fault.truncatedJSON, "decode"), (.deepJSON(depth: 100_000), "decode"), (.htmlPage(status: 200), "decode"),
            (.cutBody, "network"), (.status(429), "rate_limited"), (.status(410), "gone"),
        ])
    func faults(fault: Fault, reason: String) async throws {
        try await UseAPIRig.run(adjust: { $0.bots = ["google-flow"] }) { rig in
            let traffic = UseAPITestTraffic(random: SeededRandom(15))
            rig.requests.add(
                traffic.requests(300, in: Period(start: friday - .days(6), end: friday))
                    .filter { $0.bot == "google-flow" })
            try await rig.rig.withExporter { exporter in
                var truth = UseAPITruth()
                let before = try await rig.sync(exporter, &truth)
                rig.server.faults.stand(fault, at: "/useapi/v2/account/stats")
                #expect(try await !exporter.syncOnce())
                #expect(try results(exporter, "stats/google-flow") == ["success", reason])
                truth.expect(try exporter.scrape())
                rig.server.faults.clear()
                let after = try await rig.sync(exporter, &truth)
                truth.expect(after)
                expectNoFall(from: before, to: after)
            }
        }
    }

    @Test("a series that two bots share keeps its windows when the bot that named it first leaves the config")
    func windowsOfASharedSeries() async throws {
        try await UseAPIRig.run(adjust: { $0.bots = ["google-flow", "midjourney"] }) { rig in
            let window = ["model": "shared-model", "window": "today"]
            func add(_ count: Int, bot: String, minutes: Int) {
                rig.requests.add(
                    (0..<count).map { index in
                        UseAPIRequest(
                            time: rig.clock.now - .minutes(minutes) - .seconds(index), bot: bot, config: "team",
                            endpoint: "post-videos", model: "shared-model")
                    })
            }
            add(3, bot: "google-flow", minutes: 30)
            var truth = UseAPITruth()
            try await rig.rig.withExporter { exporter in
                let scrape = try await rig.sync(exporter, &truth)
                #expect(scrape.value("genai_window_requests", window) == 3)
                add(4, bot: "midjourney", minutes: 1)
                #expect(try await rig.sync(exporter, &truth).value("genai_window_requests", window) == 7)
            }
            try await rig.reconfigured { $0.bots = ["midjourney"] }.withExporter { exporter in
                add(5, bot: "midjourney", minutes: 1)
                _ = try await exporter.syncOnce()
                // Today's requests of both bots: counted requests stay counted.
                #expect(try exporter.scrape().value("genai_window_requests", window) == 12)
                rig.clock.advance(by: .hours(24))
                _ = try await exporter.syncOnce()
                let yesterday = ["model": "shared-model", "window": "yesterday"]
                #expect(try exporter.scrape().value("genai_window_requests", yesterday) == 12)
            }
        }
    }
}
