import ArgumentParser
import ConfigReading
import ExporterCore
import Foundation
import Logging
import UsageModel

/// `--config.file`.
struct ConfigOptions: ParsableArguments {
    /// In the current folder.
    static let defaultFile = "genai_usage_exporter.yml"

    @Option(name: .customLong("config.file"), help: "Path to the config file.")
    var file = Self.defaultFile

    /// Reads and checks the file.
    ///
    /// - Parameter needsSecrets: false if no provider will be queried, so that keys may be missing.
    /// - Throws: `CommandFailure` with every problem, one per line.
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
    @Option(name: .customLong("shard"), help: "Ordinal of this shard, from 0; only its accounts are read.")
    var ordinal = 0

    @Option(name: .customLong("total-shards"), help: "Number of shards that the accounts are divided into.")
    var total = 1

    /// Limited, because each account is ranked in every shard.
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
    @Option(name: .customLong("storage.path"), help: "Path to the ledger's folder.")
    var path = "data"

    func validate() throws {
        try Self.reject(empty: path)
    }

    static func reject(empty path: String) throws {
        if path.isEmpty { throw ValidationError("--storage.path is empty: give the path of a folder") }
    }
}

extension LogThreshold: ExpressibleByArgument {}
extension LogFormat: ExpressibleByArgument {}

/// `--log.level`, `--log.format`.
struct LogOptions: ParsableArguments {
    @Option(name: .customLong("log.level"), help: "Only log messages with this severity or above.")
    var level: LogThreshold = .info

    @Option(name: .customLong("log.format"), help: "Output format of log messages.")
    var format: LogFormat = .logfmt

    /// A logger to standard error that redacts secrets registered with `redaction`.
    func logger(clock: any WallClock, redaction: LogRedaction) -> Logger {
        Logger(label: "exporter") { label in
            ExporterLogHandler(
                component: label, format: format, threshold: level, clock: clock, redaction: redaction)
        }
    }
}
