import ConfigReading
import ExporterTestSupport
import Foundation
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// One account per provider, in one exporter whose clock the test controls and whose log it captures.
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
                var configuration = try configuration(at: baseURL, in: folder)
                for index in configuration.accounts.indices {
                    configuration.accounts[index].seriesLimit = seriesLimit
                    configuration.accounts[index].successByModel = successByModel
                }
                try await withExporter(configuration, storage: folder + "/data", environment: environment) { exporter in
                    try await body(
                        HostileWorld(clock: clock, accounts: accounts, server: server, exporter: exporter, lines: lines)
                    )
                }
            }
        }
    }

    private static func configuration(at baseURL: String, in folder: String) throws -> ExporterConfiguration {
        let path = folder + "/config.yml"
        // The longest responses take a while on a busy machine.
        try ProviderAccountsConfig.text(baseURL: baseURL, options: ["timeout: 5m"])
            .write(toFile: path, atomically: true, encoding: .utf8)
        return try ExporterConfiguration.load(path: path, environment: [:], today: friday.day)
    }

    /// Advances the clock and syncs all accounts; every provider's quota allows one request per hour.
    func sync(after time: Duration = .minutes(65)) async throws -> Scrape {
        clock.advance(by: time)
        _ = try await exporter.syncOnce()
        return try exporter.scrape()
    }

    /// The last error of a source.
    func lastError(_ provider: TestedProvider, _ source: String) async throws -> String? {
        try await exporter.overview().first { $0.name == provider.name }?
            .sources.first { $0.name == source }?.status.lastError
    }

    /// The log lines so far.
    var log: [String] { lines.lines }
}

extension Scrape {
    /// Every usage counter of an account, without those of the exporter's own requests and syncs.
    func usage(of account: String) -> [String: Double] {
        counters.filter { name, _ in
            name.contains("account=\(account),") || name.contains("account=\(account)}")
        }.filter { name, _ in !["genai_sync", "genai_upstream", "genai_series"].contains(where: name.hasPrefix) }
    }

    /// The number of a source's syncs with the given result.
    func syncs(_ provider: TestedProvider, _ source: String, _ result: String) -> Double? {
        value("genai_syncs_total", ["account": provider.name, "source": source, "result": result])
    }

    /// The sum of a family over all series of an account.
    func sum(_ family: String, _ account: String) -> Double {
        samples(family).filter { $0.labels["account"] == account }.reduce(0) { $0 + $1.value }
    }
}
