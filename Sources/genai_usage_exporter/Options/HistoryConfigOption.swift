import ArgumentParser
import ConfigReading
import ExporterCore
import Foundation
import Logging
import UsageLedger
import UsageModel

/// `--config.file` of commands that write the ledger's history: without a config they write every account.
struct HistoryConfigOption: ParsableArguments {
    @Option(
        name: .customLong("config.file"),
        help: """
            The config file, which selects the accounts and sets their labels; genai_usage_exporter.yml unless given, \
            or every account of the storage if there is none.
            """)
    var file: String?

    /// Reads and checks the file; returns nil, with a warning, if none is given and the default one does not exist.
    ///
    /// - Throws: `CommandFailure` with every problem, one per line.
    func load(clock: any WallClock, redaction: LogRedaction, logger: Logger) throws -> ExporterConfiguration? {
        var options = ConfigOptions()
        options.file = file ?? ConfigOptions.defaultFile
        guard file != nil || FileManager.default.fileExists(atPath: options.file) else {
            logger.warning(
                "no config file: every account of the storage is written, under the provider's own labels and without owners; give --config.file if the exporter renames or hashes labels, or has owners"
            )
            return nil
        }
        return try options.load(clock: clock, redaction: redaction, needsSecrets: false)
    }

    /// Warns if the storage is that of a demo.
    func warnOfSimulation(in folder: String, logger: Logger) async throws {
        guard try await LedgerHistory.isSimulated(folder: folder) else { return }
        logger.warning(
            "the storage is that of a demo: the file has simulated money", metadata: ["storage": "\(folder)"])
    }
}
