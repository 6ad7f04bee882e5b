import ConfigReading
import ArgumentParser
import ExporterCore
import Foundation
import Logging
import UsageModel

/// `--config.file`.
struct ConfigOptions: ParsableArguments {
    /// Looked for in the current folder.
    static let defaultFile = "genai_usage_exporter.yml"

    @Option(name: .customLong("config.file"), help: "The config file.")
    var file = Self.defaultFile

    /// Reads and checks the file.
    ///
    /// - Throws: `CommandFailure` with every problem, a line each.
    ///
    /// - Parameter needsSecrets: false where no provider will be asked: keys may then be missing.
    func load(
        clock: any WallClock, redaction: LogRedaction, needsSecrets: Bool = true
    ) throws -> ExporterConfiguration {
        do {
            return try ExporterConfiguration.load(
                path: file, environment: ProcessInfo.processInfo.environment, today: clock.now.day,
                needsSecrets: needsSecrets, redaction: redaction)
        } catch {
            throw CommandFailure(message: error.description)
        }
    }
}

/// `--shard`, `--total-shards`.
struct ShardOptions: ParsableArguments {
    @Option(name: .customLong("shard"), help: "Which of the shards this one is, from 0; it reads its accounts alone.")
    var ordinal = 0

    @Option(name: .customLong("total-shards"), help: "How many exporters share out the config's accounts.")
    var total = 1

    /// Each is asked for its rank of every account.
    private static let mostShards = 1000

    var shard: Shard { Shard(ordinal: ordinal, total: total) ?? .whole }

    func validate() throws {
        guard total <= Self.mostShards, Shard(ordinal: ordinal, total: total) != nil else {
            throw ValidationError(
                "--shard must be from 0 to --total-shards less 1, and --total-shards from 1 to \(Self.mostShards)")
        }
    }
}

/// `--storage.path`.
struct StorageOptions: ParsableArguments {
    @Option(name: .customLong("storage.path"), help: "The folder of the ledger.")
    var path = "data"
}

extension LogThreshold: ExpressibleByArgument {}
extension LogFormat: ExpressibleByArgument {}

/// `--log.level`, `--log.format`.
struct LogOptions: ParsableArguments {
    @Option(name: .customLong("log.level"), help: "Only log records of this severity or above.")
    var level: LogThreshold = .info

    @Option(name: .customLong("log.format"), help: "Form of the log lines.")
    var format: LogFormat = .logfmt

    /// The logger to standard error; secrets registered with `redaction` never pass it.
    func logger(clock: any WallClock, redaction: LogRedaction) -> Logger {
        Logger(label: "exporter") { label in
            ExporterLogHandler(
                component: label, format: format, threshold: level, clock: clock, redaction: redaction)
        }
    }
}
