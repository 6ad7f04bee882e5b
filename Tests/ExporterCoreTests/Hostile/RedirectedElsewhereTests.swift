import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport

@testable import ExporterCore

/// An API that redirects to another host.
@Suite(.serialized, .timeLimit(.minutes(15))) struct RedirectedElsewhereTests {
    @Test("no key is sent to another host", arguments: TestedProvider.all)
    func redirect(provider: TestedProvider) async throws {
        try await HostileWorld.run { world in
            #expect(try await world.exporter.syncOnce())
            let before = try world.exporter.scrape()
            // The other host would accept every key that the API accepts.
            try await withSimulator(world.accounts.providers, clock: world.clock) { other, otherURL in
                let elsewhere = otherURL.replacing("127.0.0.1", with: "localhost")
                world.server.faults.stand(.redirect(to: "\(elsewhere)/\(provider)/v1/usage"), at: "/\(provider)")
                let during = try await world.sync()
                for sample in during.samples("genai_up") {
                    #expect(sample.value == (sample.labels["account"] == "\(provider)" ? 0 : 1), "\(sample.labels)")
                }
                let source = provider.usageSource
                #expect(during.syncs(provider, source, "http_4xx") == 1)
                let message = try #require(try await world.lastError(provider, source))
                #expect(message.contains("redirects to \(elsewhere), which is not followed"))
                #expect(message.utf8.count < 500)
                #expect(during.usage(of: "\(provider)") == before.usage(of: "\(provider)"))
                #expect(other.log.total == 0)
            }
            world.server.faults.clear()
            world.accounts.use(provider)
            let after = try await world.sync()
            #expect(after.samples("genai_up").allSatisfy { $0.value == 1 })
            let requests = "genai_requests_total"
            #expect(after.sum(requests, "\(provider)") == before.sum(requests, "\(provider)") + 1)
        }
    }

    @Test("an overlong host name is not repeated in the error")
    func longHostName() async throws {
        try await HostileWorld.run { world in
            let name = String(repeating: "a", count: 30_000)
            world.server.faults.stand(.redirect(to: "http://\(name).example/"), at: "/wavespeed")
            _ = try await world.sync()
            let message = try #require(try await world.lastError(.wavespeed, "usage_stats"))
            #expect(message.contains("HTTP 307 without a usable Location"))
            #expect(message.utf8.count < 300)
        }
    }
}
