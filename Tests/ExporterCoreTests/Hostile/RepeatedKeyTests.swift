import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// An API that repeats the account's key in the names of models, keys and line items.
@Suite(.serialized, .timeLimit(.minutes(15))) struct RepeatedKeyTests {
    @Test("a key that an API repeats in a name appears nowhere", arguments: TestedProvider.all)
    func repeatedKey(_ provider: TestedProvider) async throws {
        try await HostileWorld.run { world in
            world.server.faults.stand(
                .altered(.namesBeginning(with: provider.token + " of ")), at: "/\(provider)")
            world.accounts.use(provider, ago: .zero)
            let scrape = try await world.sync()
            let labels = scrape.families.values.flatMap(\.samples).filter { $0.labels["account"] == "\(provider)" }
                .flatMap(\.labels.values)
            #expect(labels.contains { $0.contains("<redacted> of ") }, "\(Set(labels).sorted())")
            #expect(labels.allSatisfy { !$0.contains(provider.token) })
            let overview = try await world.exporter.overview().map { String(describing: $0) }
            #expect(overview.allSatisfy { !$0.contains(provider.token) })
            #expect(world.log.allSatisfy { !$0.contains(provider.token) })
        }
    }
}
