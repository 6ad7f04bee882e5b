import ExporterTestSupport
import PrometheusExposition
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// At most 12 requests in 12 hours, regardless of starts, crashes and failures.
@Suite struct CheapestInferenceQuotaTests {
    private static let path = "/cheapestinference/api/usage"

    /// The most requests to the usage endpoints within any 12 hours.
    private func most(_ rig: CheapestInferenceRig) -> Int {
        let times = rig.server.log.requests.filter { $0.path.hasPrefix(Self.path) }.map(\.time)
        return times.map { end in times.count { $0 <= end && $0 > end - .hours(12) } }.max() ?? 0
    }

    @Test("thirty restarts and crashes in twelve hours stay within the quota")
    func restarts() async throws {
        try await CheapestInferenceRig.run(seed: 8) { rig in
            rig.use(100, in: Period(start: friday - .days(20), end: friday))
            // Crashes while waiting for the response: the request was recorded in the quota book before.
            rig.server.faults.stand(.hang, at: Self.path)
            for crash in 1...3 {
                try await rig.rig.withExporter { exporter in
                    let total = rig.server.log.total
                    let sync = Task { try await exporter.syncOnce() }
                    // Three keys, their list, the balance, the subscriptions, the price list, and the endpoint that
                    // hangs.
                    try await rig.server.log.wait(forTotal: total + 8)
                    sync.cancel()
                    _ = try? await sync.value
                }
                #expect(rig.server.log.count(Self.path) == crash)
                rig.clock.advance(by: .minutes(1))
            }
            rig.server.faults.clear()
            var last: Scrape?
            for restart in 1...27 {
                try await rig.rig.withExporter { exporter in
                    _ = try await exporter.syncOnce()
                    let scrape = try exporter.scrape()
                    #expect(scrape.value("genai_up", ["source": "api_usage"]) == 1)
                    #expect(scrape.samples("genai_requests_total").count == 3)
                    #expect(scrape.samples("genai_window_tokens").count == 24)
                    if let last { expectNoFall(from: last, to: scrape) }
                    let requests = rig.server.log.count(Self.path)
                    #expect(requests <= 12)
                    let labels = ["source": "api_usage"]
                    #expect(scrape.value("genai_upstream_quota_limit", labels) == 12)
                    #expect(scrape.value("genai_upstream_quota_remaining", labels) == Double(12 - requests))
                    let reset = scrape.value("genai_upstream_quota_reset_timestamp_seconds", labels)
                    #expect(reset == (friday + .hours(12)).seconds)
                    let next = try #require(scrape.value("genai_sync_next_timestamp_seconds", labels))
                    #expect(next > rig.clock.now.seconds, "\(restart)")
                    last = scrape
                }
                rig.clock.advance(by: .minutes(26))
            }
            #expect(rig.clock.now < friday + .hours(12))
            #expect(most(rig) <= 12)
            #expect(rig.server.log.count(Self.path) > 6)
        }
    }

    @Test("an endpoint that fails for a day stays within the quota and recovers")
    func outage() async throws {
        try await CheapestInferenceRig.run(seed: 9) { rig in
            rig.use(100, in: Period(start: friday - .days(20), end: friday))
            try await rig.rig.withExporter { exporter in
                rig.server.faults.stand(.status(502), at: Self.path)
                for _ in 0..<(24 * 6) {
                    _ = try await exporter.syncOnce()
                    rig.clock.advance(by: .minutes(10))
                }
                let down = try exporter.scrape()
                #expect(down.value("genai_up", ["source": "api_usage"]) == 0)
                #expect(down.value("genai_up", ["source": "usage"]) == 1)
                // Each sent request is in the quota book, including retries.
                #expect(most(rig) <= 12)
                // Postponed syncs are not failures: they would hide the real ones.
                let failures = try #require(
                    down.value("genai_syncs_total", ["source": "api_usage", "result": "http_5xx"]))
                #expect(failures <= 24)
                rig.server.faults.clear()
                rig.clock.advance(by: .hours(1))
                #expect(try await exporter.syncOnce())
                #expect(try exporter.scrape().samples("genai_requests_total").count == 3)
                #expect(most(rig) <= 12)
            }
        }
    }

    @Test("configured key ids share the quota")
    func keyIDs() async throws {
        try await CheapestInferenceRig.run(
            seed: 10,
            adjust: { account in
                account.keyIDs = ["id-100", "id-10"]
                account.keys = []
            }
        ) { rig in
            rig.use(100, in: Period(start: friday - .days(20), end: friday))
            try await rig.rig.withExporter { exporter in
                for _ in 0..<30 { #expect(try await rig.hour(exporter)) }
                let paths = Set(rig.server.log.requests.map(\.path).filter { $0.hasPrefix(Self.path) })
                #expect(paths == [Self.path + "/id-100", Self.path + "/id-10"])
                #expect(most(rig) <= 12)
                let scrape = try exporter.scrape()
                #expect(Set(scrape.samples("genai_requests_total").map { $0.labels["key"] }) == ["prod", "young"])
                #expect(scrape.samples("genai_cost_usd_total").isEmpty)
            }
        }
    }
}
