import ArgumentParser
import ExporterCore
import Foundation

/// `once`: syncs every account once, prints the metrics, and ends: for cron and node_exporter's textfile collector.
struct OnceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "once", abstract: "Sync every account once, print the metrics, exit.")

    @OptionGroup var config: ConfigOptions
    @OptionGroup var storage: StorageOptions
    @OptionGroup var log: LogOptions

    @Option(name: .customLong("output"), help: "Write to this file, replaced as a whole, instead of standard output.")
    var output: String?

    func run() async throws {
        let clock = SystemClock()
        let redaction = LogRedaction()
        let logger = log.logger(clock: clock, redaction: redaction)
        let configuration = try config.load(clock: clock, redaction: redaction)
        var environment = Exporter.Environment(logger: logger)
        environment.build = RootCommand.build
        environment.redaction = redaction
        let exporter = try await Exporter(configuration, storage: storage.path, environment: environment)
        let succeeded: Bool
        do {
            succeeded = try await exporter.syncOnce()
        } catch {
            try? await exporter.close()
            throw error
        }
        let metrics = Data(exporter.store.current.body(.text004, .identity).bytes)
        try await exporter.close()
        if let output {
            do {
                try metrics.write(to: URL(fileURLWithPath: output), options: .atomic)
            } catch {
                throw CommandFailure(message: "cannot write \(output): \(error.localizedDescription)")
            }
        } else {
            do {
                try FileHandle.standardOutput.write(contentsOf: metrics)
            } catch {
                throw CommandFailure(
                    message: "cannot write the metrics to standard output: \(error.localizedDescription)")
            }
        }
        guard succeeded else {
            throw CommandFailure(message: "not every source could be synced: see the log and genai_up")
        }
    }
}
