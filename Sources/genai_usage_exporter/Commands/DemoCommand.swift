import ArgumentParser
import ConfigReading
import ExporterCore
import ExporterWeb
import Foundation
import Logging
import ProviderSimulator
import UsageLedger
import UsageModel

/// `demo`: the exporter on built-in simulated providers: no keys, no config, no network.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Serve /metrics of built-in simulated providers: no keys, no config, no network.")

    @Option(
        name: .customLong("storage.path"),
        help: "Path to the ledger's folder; a temporary one that is deleted on exit unless given.")
    var storagePath: String?

    @OptionGroup var web: WebOptions
    @OptionGroup var log: LogOptions

    func validate() throws {
        if let storagePath { try StorageOptions.reject(empty: storagePath) }
    }

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
            var configuration = try ExporterConfiguration.demo(
                world, at: try await simulator.baseURL, today: clock.now.day)
            configuration.snapshot = SnapshotConfiguration(every: .hours(1), keep: 2, path: folder + "/snapshots")
            var environment = Exporter.Environment(logger: logger)
            environment.build = RootCommand.build
            environment.origin = .simulated
            environment.showsCreated = web.openMetricsCreated
            let exporter = try await Exporter(configuration, storage: folder, environment: environment)
            try await Serving(
                exporter: exporter, web: options, logger: logger,
                onListening: { address, isTLS in
                    let shown = address.isEverywhere ? ListenAddress(host: "localhost", port: address.port) : address
                    let base = "\(isTLS ? "https" : "http")://\(shown)\(options.routes.prefix)"
                    print("Metrics: \(base)\(options.telemetryPath)   Status page: \(base)/")
                    // Standard output may be a pipe, which would buffer the line until the exit.
                    fflush(nil)
                }
            ).run()
            group.cancelAll()
        }
    }
}

extension ExporterConfiguration {
    /// Returns the config of simulated accounts whose APIs are served at `baseURL`.
    static func demo(_ world: DemoWorld, at baseURL: String, today: UTCDay) throws -> ExporterConfiguration {
        let accounts = world.accounts.map { account in
            // The demo queries more often than a real account would, so that live traffic is visible.
            let lines = [
                "name: \(account.name)", "provider: \(account.provider)", "base_url: \(baseURL)\(account.basePath)",
                "sync_interval: 30s",
            ]
            return "  - " + (lines + account.settings).joined(separator: "\n    ")
        }
        let sections = [
            "global: { sync_interval: 30s }", "accounts:", accounts.joined(separator: "\n"), demoBudgets, "owners:",
            world.owners.map { "  - \($0)" }.joined(separator: "\n"),
        ]
        let text = sections.joined(separator: "\n")
        return try load(
            path: "demo", environment: [:], today: today, files: TextInMemory(bytes: Array(text.utf8)))
    }
}

/// Budgets of each kind.
private let demoBudgets = """
    budgets:
      - { name: video-team, usd: 9000, period: month, where: { owner: video } }
      - { name: kling-day, usd: 60, period: day, where: { account: media, model: "kwaivgi/kling-*" } }
      - { name: web-week, usd: 25, period: week, where: { account: stack, key: web } }
      - { name: speech-week, usd: 40, period: week, where: { account: studio, modality: text-to-audio } }
      - { name: diem-day, credits: 40, unit: diem, period: day, where: { account: assistant } }
    """

/// A config file that is not on disk.
private struct TextInMemory: FileReading {
    let bytes: [UInt8]

    func contents(of path: String, limit: Int) -> [UInt8] { bytes }

    func isReadableByOthers(_ path: String) -> Bool { false }
}
