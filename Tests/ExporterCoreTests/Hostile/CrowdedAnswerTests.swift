import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Responses with far more models than any real account, but short enough to be read.
@Suite(.serialized, .timeLimit(.minutes(15))) struct CrowdedAnswerTests {
    @Test("models beyond the series limit are summed under one name")
    func seriesLimit() async throws {
        let (models, limit) = (400, 60)
        try await HostileWorld.run(seriesLimit: limit, successByModel: false) { world in
            world.server.faults.stand(.crowd(models), at: "/")
            #expect(try await world.exporter.syncOnce())
            let scrape = try world.exporter.scrape()
            for provider in TestedProvider.all {
                let account = ["account": "\(provider)"]
                #expect(scrape.value("genai_series", account) == Double(limit))
                #expect(scrape.value("genai_series_overflowed_total", account) ?? 0 > 0)
                for family in scrape.families.values where family.name != "genai_syncs_total" {
                    let shown = family.samples.count { $0.labels["account"] == "\(provider)" }
                    // Windows: four of each series, plus the folded ones.
                    #expect(shown <= 5 * (limit + 1), "\(family.name)")
                }
            }
            // Each element copies the healthy response's first one, `model-0`, which was used twice.
            for provider in [TestedProvider.wavespeed, .fairstack] {
                let cost: ExactDecimal = TestedProvider.cost * (2 * models)
                #expect(scrape.sum("genai_cost_usd_total", "\(provider)") == cost.doubleValue)
                #expect(scrape.sum("genai_requests_total", "\(provider)") == Double(2 * models))
            }
            let cost: ExactDecimal = TestedProvider.cost * models
            #expect(scrape.sum("genai_cost_usd_total", "venice") == cost.doubleValue)
            #expect(scrape.sum("genai_requests_total", "useapi") == Double(models))
        }
    }

    @Test("a list beyond the maximum length is rejected", arguments: TestedProvider.all)
    func longList(provider: TestedProvider) async throws {
        try await HostileWorld.run { world in
            world.server.faults.stand(.crowd(25_000), at: "/\(provider)")
            _ = try await world.exporter.syncOnce()
            let scrape = try world.exporter.scrape()
            #expect(scrape.syncs(provider, provider.usageSource, "decode") == 1)
            let message = try #require(try await world.lastError(provider, provider.usageSource))
            let words = ["a list of at most 10000", "the response exceeds the limit", "have more than 20000 different"]
            #expect(words.contains { message.contains($0) }, "\(message)")
        }
    }

    @Test("models are queried a limited number at a time")
    func queriesPerSync() async throws {
        try await HostileWorld.run { world in
            world.server.faults.stand(.crowd(250), at: "/wavespeed")
            let isUp = try await world.exporter.syncOnce()
            #expect(isUp)
            // The totals, two days, one of them with usage, and a hundred of its models.
            let requests = world.server.log.count("/wavespeed/api/v3/user/usage_stats")
            #expect(requests <= 103)
        }
    }
}
