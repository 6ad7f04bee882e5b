import ArgumentParser
import ExporterCore

/// `once`: syncs every account once, prints the metrics, and ends: for cron and node_exporter's textfile collector.
struct OnceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "once", abstract: "Sync every account once, print the metrics, exit.")

    @OptionGroup var config: ConfigOptions
    @OptionGroup var shard: ShardOptions
    @OptionGroup var storage: StorageOptions
    @OptionGroup var log: LogOptions

    @Option(name: .customLong("output"), help: "Write to this file, replaced as a whole, instead of standard output.")
    var output: String?

    func run() async throws {
        let clock = SystemClock()
        let redaction = LogRedaction()
        let logger = log.logger(clock: clock, redaction: redaction)
        let configuration = try config.load(clock: clock, redaction: redaction).part(of: shard.shard)
        var environment = Exporter.Environment(logger: logger)
        environment.build = RootCommand.build
        environment.redaction = redaction
        environment.shard = shard.shard
        let exporter = try await Exporter(configuration, storage: storage.path, environment: environment)
        let succeeded: Bool
        do {
            succeeded = try await exporter.syncOnce()
        } catch {
            try? await exporter.close()
            throw error
        }
        let metrics = exporter.store.current.body(.text004, .identity).bytes
        try await exporter.close()
        try await OutputTarget(output).write { try $0(metrics) }
        guard succeeded else {
            throw CommandFailure(message: "not every source could be synced: see the log and genai_up")
        }
    }
}
