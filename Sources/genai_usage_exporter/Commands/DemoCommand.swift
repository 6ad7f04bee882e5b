import ArgumentParser
import ExporterCore
import ExporterWeb
import Foundation
import Logging
import ProviderSimulator

/// `demo`: the exporter on built-in simulated providers: no keys, no config, no network.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Serve /metrics of built-in simulated providers: no keys, no config, no network.")

    @Option(
        name: .customLong("storage.path"),
        help: "The folder of the ledger; a temporary one that is deleted at the end unless given.")
    var storagePath: String?

    @OptionGroup var web: WebOptions
    @OptionGroup var log: LogOptions

    func run() async throws {
        let clock = SystemClock()
        let logger = log.logger(clock: clock, redaction: LogRedaction())
        let folder = storagePath ?? NSTemporaryDirectory() + "genai-usage-exporter-demo-\(UUID().uuidString)"
        defer {
            if storagePath == nil { try? FileManager.default.removeItem(atPath: folder) }
        }
        let world = DemoWorld(clock: clock)
        let simulator = SimulatorServer(world.providers, clock: clock)
        let options = try web.options()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await simulator.run() }
            let configuration = ExporterConfiguration(of: world, at: try await simulator.baseURL)
            var environment = Exporter.Environment(logger: logger)
            environment.build = RootCommand.build
            environment.showsCreated = web.openMetricsCreated
            let exporter = try await Exporter(configuration, storage: folder, environment: environment)
            try await Serving(
                exporter: exporter, web: options, logger: logger,
                onListening: { address, isTLS in
                    let shown = address.isEverywhere ? ListenAddress(host: "localhost", port: address.port) : address
                    let base = "\(isTLS ? "https" : "http")://\(shown)\(options.routes.prefix)"
                    print("Metrics: \(base)\(options.telemetryPath)   Status page: \(base)/")
                    // Standard output may be a pipe, which would keep the line until the end.
                    fflush(nil)
                }
            ).run()
            group.cancelAll()
        }
    }
}

extension ExporterConfiguration {
    /// A config for simulated accounts, whose APIs are served at `baseURL`.
    init(of world: DemoWorld, at baseURL: String) {
        self.init(
            accounts: world.accounts.compactMap { simulated in
                ProviderName(rawValue: simulated.provider).map { provider in
                    var account = AccountConfiguration(
                        name: simulated.name, provider: provider, credential: simulated.token.map(SecretSource.literal))
                    account.managementKey = simulated.managementToken.map(SecretSource.literal)
                    account.keys = simulated.keys.map {
                        KeyConfiguration(name: $0.name, id: $0.id, credential: $0.token.map(SecretSource.literal))
                    }
                    account.bots = simulated.bots
                    account.prices = simulated.prices
                    account.monthlyBudget = simulated.monthlyBudget
                    account.baseURL = baseURL + simulated.basePath
                    // Live traffic should be seen to move, so the demo asks more often than a real account would.
                    account.syncInterval = .seconds(30)
                    account.isSyncIntervalOwn = true
                    return account
                }
            })
        global.syncInterval = .seconds(30)
    }
}
