import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// One account's API becomes hostile and later recovers; the others are unaffected.
@Suite(.serialized, .timeLimit(.minutes(15))) struct HostileUpstreamTests {
    @Test(
        "a hostile API is rejected with a clear error and affects no other value",
        arguments: Hostility.all, TestedProvider.all)
    func hostileAPI(
        _ hostility: Hostility, _ provider: TestedProvider
    ) async throws {
        try await HostileWorld.run { world in
            #expect(try await world.exporter.syncOnce())
            let before = try world.exporter.scrape()

            world.server.faults.stand(hostility.fault, at: "/\(provider)")
            world.accounts.use(provider, ago: .zero)
            let during = try await world.sync(after: .minutes(65))
            expectOthersUntouched(by: provider, in: during, since: before)
            for (name, value) in before.usage(of: "\(provider)") {
                #expect(during.counters[name] ?? -1 >= value, "\(name) stays served")
            }
            for value in during.usage(of: "\(provider)").values { #expect(value.isFinite && value < 1e6) }
            try await expectOutcome(of: hostility, provider, world, during)

            world.server.faults.clear()
            world.accounts.use(provider, ago: .zero)
            // By then the hours that have ended are read again, if they were read meanwhile.
            let after = try await world.sync(after: .hours(7))
            expectOthersUntouched(by: provider, in: after, since: before)
            #expect(after.value("genai_up", ["account": "\(provider)", "source": provider.usageSource]) == 1)
            #expect(try await world.lastError(provider, provider.usageSource) == nil)
            expectTwoMoreUses(of: provider, in: after, since: before)
        }
    }

    private func expectOutcome(
        of hostility: Hostility, _ provider: TestedProvider, _ world: HostileWorld, _ scrape: Scrape
    ) async throws {
        let source = provider.usageSource
        let up = scrape.value("genai_up", ["account": "\(provider)", "source": source])
        let error = try await world.lastError(provider, source)
        switch hostility.outcome {
        case .taken:
            #expect(up == 1, "\(error ?? "")")
            #expect(scrape.syncs(provider, source, "success") == 2)
        case .refused(let reason, let words):
            #expect(up == 0)
            #expect(scrape.syncs(provider, source, reason) == 1)
            #expect(scrape.syncs(provider, source, "success") == 1)
            let message = try #require(error)
            #expect(words.contains { message.contains($0) }, "\(message)")
            let isLogged = world.log.contains { line in
                line.contains("msg=\"sync failed\"") && line.contains("account=\(provider)")
                    && line.contains("source=\(source)") && line.contains("reason=\(reason)")
            }
            #expect(isLogged)
        }
        let messages = try await world.exporter.overview().flatMap { $0.sources.compactMap(\.status.lastError) }
        for text in messages + world.log.map({ String($0.dropLast()) }) {
            #expect(text.utf8.count < 700 && !text.contains("\n"), "\(text.prefix(300))")
            #expect(!text.contains("token-of"), "\(text)")
        }
        let longest = scrape.families.values.flatMap(\.samples).flatMap(\.labels.values).map(\.utf8.count).max()
        #expect(longest ?? 0 <= 1024)
    }

    /// Asserts that the other accounts' syncs succeed and their values are unchanged.
    private func expectOthersUntouched(by hostile: TestedProvider, in scrape: Scrape, since before: Scrape) {
        for other in TestedProvider.all where other != hostile {
            for sample in scrape.samples("genai_up") where sample.labels["account"] == "\(other)" {
                #expect(sample.value == 1, "\(sample.labels)")
            }
            #expect(scrape.usage(of: "\(other)") == before.usage(of: "\(other)"))
        }
    }

    /// Asserts that the account's values are the earlier ones plus two requests, by every label.
    private func expectTwoMoreUses(of provider: TestedProvider, in after: Scrape, since before: Scrape) {
        let isUsed = ["model": provider.hasModels ? "model-0" : ""]
        for family in ["genai_requests_total", "genai_cost_usd_total"] {
            let step = family == "genai_requests_total" ? 2 : (TestedProvider.cost * 2).doubleValue
            for sample in before.samples(family) where sample.labels["account"] == "\(provider)" {
                let grown = sample.value + (sample.labels["model", default: ""] == isUsed["model"] ? step : 0)
                #expect(after.value(family, sample.labels) == grown, "\(family) \(sample.labels)")
            }
        }
    }
}
