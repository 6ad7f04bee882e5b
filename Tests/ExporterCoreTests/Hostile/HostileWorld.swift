import ExporterTestSupport
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Five accounts, one at each provider, in one exporter whose clock the test holds and whose log it reads.
struct HostileWorld {
    let clock: ManualClock
    let accounts: ProviderAccounts
    let server: SimulatorServer
    let exporter: Exporter
    private let lines: CapturedLog

    static func run(
        seriesLimit: Int = 5000, successByModel: Bool = true, _ body: (HostileWorld) async throws -> Void
    ) async throws {
        let clock = ManualClock(friday)
        let accounts = ProviderAccounts(clock: clock)
        try await withTemporaryFolder { folder in
            try await withSimulator(accounts.providers, clock: clock) { server, baseURL in
                let lines = CapturedLog()
                let redaction = LogRedaction()
                var environment = Exporter.Environment(
                    logger: lines.logger(clock: clock, threshold: .info, redaction: redaction))
                environment.clock = clock
                environment.random = SeededRandom(7)
                environment.redaction = redaction
                var configuration = configuration(at: baseURL)
                for index in configuration.accounts.indices {
                    configuration.accounts[index].seriesLimit = seriesLimit
                    configuration.accounts[index].successByModel = successByModel
                }
                try await withExporter(configuration, storage: folder, environment: environment) { exporter in
                    try await body(
                        HostileWorld(clock: clock, accounts: accounts, server: server, exporter: exporter, lines: lines)
                    )
                }
            }
        }
    }

    private static func configuration(at baseURL: String) -> ExporterConfiguration {
        var configuration = ExporterConfiguration(
            accounts: ProviderAccounts.Provider.allCases.compactMap { provider in
                guard let name = ProviderName(rawValue: provider.rawValue) else { return nil }
                var account = AccountConfiguration(
                    name: provider.rawValue, provider: name, credential: .literal(provider.token))
                account.baseURL = "\(baseURL)/\(provider)"
                account.history = .days(1)
                // On a busy machine, the longest answers take a while.
                account.timeout = .minutes(5)
                if provider == .useapi { account.bots = [ProviderAccounts.bot] }
                if provider == .cheapestinference {
                    account.credential = nil
                    account.managementKey = .literal(provider.token)
                    account.keys = [
                        KeyConfiguration(
                            name: ProviderAccounts.key.name, credential: .literal(ProviderAccounts.key.token))
                    ]
                }
                return account
            })
        configuration.global.zeroFirst = .zero
        return configuration
    }

    /// Lets time pass, and syncs all accounts: every provider's allowance has a request an hour.
    func sync(after time: Duration = .minutes(65)) async throws -> Scrape {
        clock.advance(by: time)
        _ = try await exporter.syncOnce()
        return try exporter.scrape()
    }

    /// What went wrong last with a source.
    func lastError(_ provider: ProviderAccounts.Provider, _ source: String) async throws -> String? {
        try await exporter.overview().first { $0.name == provider.rawValue }?
            .sources.first { $0.name == source }?.status.lastError
    }

    /// The log's lines so far.
    var log: [String] { lines.lines }
}

extension Scrape {
    /// Every counter of an account's usage: none of the exporter's own calls and syncs.
    func usage(of account: String) -> [String: Double] {
        counters.filter { name, _ in
            name.contains("account=\(account),") || name.contains("account=\(account)}")
        }.filter { name, _ in !["genai_sync", "genai_upstream", "genai_series"].contains(where: name.hasPrefix) }
    }

    /// How often a source's syncs had a result.
    func syncs(_ provider: ProviderAccounts.Provider, _ source: String, _ result: String) -> Double? {
        value("genai_syncs_total", ["account": provider.rawValue, "source": source, "result": result])
    }

    /// The sum of a family over everything but the account.
    func sum(_ family: String, _ account: String) -> Double {
        samples(family).filter { $0.labels["account"] == account }.reduce(0) { $0 + $1.value }
    }
}
