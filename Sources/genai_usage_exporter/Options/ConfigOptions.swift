import ArgumentParser
import ExporterCore
import Foundation
import UsageModel

/// `--config.file`.
struct ConfigOptions: ParsableArguments {
    @Option(name: .customLong("config.file"), help: "The config file.")
    var file = "genai_usage_exporter.yml"

    /// Reads and checks the file.
    ///
    /// - Throws: `CommandFailure` with every problem, a line each.
    func load(clock: any WallClock, redaction: LogRedaction) throws -> ExporterConfiguration {
        do {
            return try ExporterConfiguration.load(
                path: file, environment: ProcessInfo.processInfo.environment, today: clock.now.day,
                redaction: redaction)
        } catch {
            throw CommandFailure(message: error.description)
        }
    }
}

/// `--storage.path`.
struct StorageOptions: ParsableArguments {
    @Option(name: .customLong("storage.path"), help: "The folder of the ledger.")
    var path = "data"
}
