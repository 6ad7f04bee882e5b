import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Data health, as an on-call engineer reads it from /metrics.
@Suite struct SourceHealthTests {
    @Test(
        "a failure of one source is counted by reason and does not affect the other",
        arguments: [
            (Fault.status(401), "auth"), (.status(402), "auth"), (.status(403), "auth"), (.status(404), "http_4xx"),
            (.status(410), "gone"), (.status(429), "rate_limited"), (.status(500), "http_5xx"),
            (.htmlPage(status: 200), "decode"), (.truncatedJSON, "decode"), (.deepJSON(depth: 100_000), "decode"),
            (.cutBody, "network"), (.redirect(to: "http://127.0.0.2:9/elsewhere"), "http_4xx"),
        ])
    func failures(fault: Fault, reason: String) async throws {
        try await WaveSpeedRig.run { rig in
            rig.server.faults.stand(fault, at: "/wavespeed/api/v3/user/usage_stats")
            try await rig.rig.withExporter { exporter in
                #expect(try await !exporter.syncOnce())
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_up", ["source": "usage_stats"]) == 0)
                #expect(scrape.value("genai_syncs_total", ["source": "usage_stats", "result": reason]) == 1)
                #expect(scrape.value("genai_up", ["source": "balance"]) == 1)
                #expect(scrape.value("genai_balance_usd") == 5000)
                // Every result has a series from the first sync on, so that the first failure is an increase.
                #expect(scrape.samples("genai_syncs_total").count == 30)
            }
        }
    }

    @Test("upstream requests are counted by code and survive a restart")
    func upstreamRequests() async throws {
        try await WaveSpeedRig.run { rig in
            rig.server.faults.queue(.status(503), at: "/wavespeed/api/v3/balance")
            try await rig.rig.withExporter { _ = try await $0.syncOnce() }
            try await rig.rig.withExporter { exporter in
                let scrape = try exporter.scrape()
                let labels = ["source": "balance"]
                #expect(scrape.value("genai_upstream_requests_total", labels.merging(["code": "503"]) { $1 }) == 1)
                #expect(scrape.value("genai_upstream_requests_total", labels.merging(["code": "200"]) { $1 }) == 1)
                #expect(scrape.value("genai_upstream_retries_total", labels) == 1)
                #expect(scrape.value("genai_syncs_total", labels.merging(["result": "success"]) { $1 }) == 1)
            }
        }
    }

    @Test("freshness metrics show how far the data reach")
    func freshness() async throws {
        try await WaveSpeedRig.run { rig in
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                let scrape = try exporter.scrape()
                let usage = ["source": "usage_stats"]
                #expect(scrape.value("genai_data_through_timestamp_seconds", usage) == friday.seconds)
                #expect(scrape.value("genai_sync_last_success_timestamp_seconds", usage) == friday.seconds)
                #expect(scrape.value("genai_ledger_start_timestamp_seconds") == (friday - .days(6)).day.start.seconds)
                let next = try #require(scrape.value("genai_sync_next_timestamp_seconds", usage))
                #expect((270...330).contains(next - friday.seconds))
            }
        }
    }

    @Test("models have the provider's description")
    func models() async throws {
        try await WaveSpeedRig.run { rig in
            let model = "a\\b\"c\nd/模型"
            rig.events.add([
                UsageEvent(
                    time: friday - .hours(1), model: model, modality: "text-to-video",
                    unitPrice: try #require(ExactDecimal("0.488")), cost: try #require(ExactDecimal("4.88")))
            ])
            try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                let scrape = try exporter.scrape()
                #expect(scrape.value("genai_model_info", ["model": model, "modality": "text-to-video"]) == 1)
                #expect(scrape.value("genai_model_unit_price_usd", ["model": model]) == 0.488)
                #expect(
                    scrape.value("genai_model_last_used_timestamp_seconds", ["model": model])
                        == friday.day.start.seconds)
                #expect(scrape.value("genai_modality_cost_usd_total", ["modality": "text-to-video"]) == 4.88)
                #expect(scrape.value("genai_modality_requests_total", ["modality": "text-to-video"]) == 1)
                #expect(scrape.value("genai_reconciliation_difference_usd") == 0)
            }
        }
    }

    @Test("a slow source does not delay others")
    func slowSource() async throws {
        // The responses of one source never arrive.
        try await WaveSpeedRig.run { rig in
            rig.server.faults.stand(.hang, at: "/wavespeed/api/v3/user/usage_stats")
            try await rig.rig.withExporter { exporter in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await exporter.syncOnce() }
                    try await rig.server.log.wait(forTotal: 2)
                    while try exporter.scrape().value("genai_up", ["source": "balance"]) != 1 { await Task.yield() }
                    group.cancelAll()
                }
            }
        }
    }
}
