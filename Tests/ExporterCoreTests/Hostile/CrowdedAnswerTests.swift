import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Answers that list more models than anybody has, and yet few enough to be read.
@Suite(.serialized, .timeLimit(.minutes(15))) struct CrowdedAnswerTests {
    @Test func modelsPastTheSeriesLimitAreAddedUpUnderOneName() async throws {
        let (models, limit) = (400, 60)
        try await HostileWorld.run(seriesLimit: limit, successByModel: false) { world in
            world.server.faults.stand(.crowd(models), at: "/")
            #expect(try await world.exporter.syncOnce())
            let scrape = try world.exporter.scrape()
            for provider in ProviderAccounts.Provider.allCases {
                let account = ["account": "\(provider)"]
                #expect(scrape.value("genai_series", account) == Double(limit))
                #expect(scrape.value("genai_series_overflowed_total", account) ?? 0 > 0)
                for family in scrape.families.values where family.name != "genai_syncs_total" {
                    let shown = family.samples.count { $0.labels["account"] == "\(provider)" }
                    // Windows: four of each series; the folded ones stand beside the limit's.
                    #expect(shown <= 5 * (limit + 1), "\(family.name)")
                }
            }
            // Each element of a list is like the healthy answer's first, which `model-0` is: used twice.
            for provider in [ProviderAccounts.Provider.wavespeed, .fairstack] {
                let cost: ExactDecimal = ProviderAccounts.cost * (2 * models)
                #expect(scrape.sum("genai_cost_usd_total", "\(provider)") == cost.doubleValue)
                #expect(scrape.sum("genai_requests_total", "\(provider)") == Double(2 * models))
            }
            let cost: ExactDecimal = ProviderAccounts.cost * models
            #expect(scrape.sum("genai_cost_usd_total", "venice") == cost.doubleValue)
            #expect(scrape.sum("genai_requests_total", "useapi") == Double(models))
        }
    }

    @Test(arguments: ProviderAccounts.Provider.allCases)
    func aListLongerThanAnyHonestOneIsRefused(provider: ProviderAccounts.Provider) async throws {
        try await HostileWorld.run { world in
            world.server.faults.stand(.crowd(25_000), at: "/\(provider)")
            _ = try await world.exporter.syncOnce()
            let scrape = try world.exporter.scrape()
            #expect(scrape.syncs(provider, provider.usageSource, "decode") == 1)
            let message = try #require(try await world.lastError(provider, provider.usageSource))
            let words = ["a list of at most 10000", "the answer is longer than", "name more than 20000 different"]
            #expect(words.contains { message.contains($0) }, "\(message)")
        }
    }

    @Test func modelsAreAskedAboutAFewAtATime() async throws {
        try await HostileWorld.run { world in
            world.server.faults.stand(.crowd(250), at: "/wavespeed")
            let isUp = try await world.exporter.syncOnce()
            #expect(isUp)
            // The totals, two days, one of them with usage, and a hundred of its models.
            let asked = world.server.log.count("/wavespeed/api/v3/user/usage_stats")
            #expect(asked <= 103)
        }
    }
}
