import ArgumentParser
import ConfigReading
import ExporterCore
import UsageModel

/// `focus`: writes the ledger's days as a FOCUS cost-and-usage file.
struct FocusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "focus",
        abstract:
            "Write the ledger's days as a FOCUS cost-and-usage file (CSV): a row per day, account, key and model.",
        discussion:
            "Runs beside an exporter that uses the same storage. The sum of BilledCost equals the ledger's cost.")

    @OptionGroup var config: HistoryConfigOption
    @OptionGroup var storage: StorageOptions
    @OptionGroup var log: LogOptions

    @Option(name: .customLong("from"), help: "The first day (UTC), such as 2026-11-01.")
    var from: UTCDay

    @Option(name: .customLong("to"), help: "The last day (UTC), inclusive, such as 2026-11-30.")
    var to: UTCDay

    @Option(name: .customLong("spec"), help: "The version of FOCUS, the FinOps Open Cost and Usage Specification.")
    var version: FocusVersion = .v12

    @Option(name: .customLong("output"), help: "Write to this file, replaced as a whole, instead of standard output.")
    var output: String?

    func validate() throws {
        if from > to { throw ValidationError("--from \(from) is after --to \(to)") }
    }

    func run() async throws {
        let clock = SystemClock()
        let redaction = LogRedaction()
        let logger = log.logger(clock: clock, redaction: redaction)
        try await config.warnOfSimulation(in: storage.path, logger: logger)
        let export = FocusExport(
            days: from...to, version: version,
            configuration: try config.load(clock: clock, redaction: redaction, logger: logger))
        let bar = ProgressBar(outputIsStandard: output == nil)
        let summary = try await OutputTarget(output).write { write in
            try await export.run(folder: storage.path, write: write) { bar.show(done: $0.done, of: $0.total) }
        }
        bar.end()
        for (account, day) in summary.lateStarts {
            logger.warning(
                "the ledger of the account begins after the first day requested: the days before have no rows",
                metadata: ["account": "\(account)", "begins": "\(day)"])
        }
        let today = clock.now.day
        if to >= today {
            logger.warning(
                "the last days requested are not over: write the file again when they are",
                metadata: ["from": "\(max(from, today))"])
        }
        if summary.rows == 0 {
            logger.warning("only the header was written: the ledger has no charges of these accounts in these days")
        } else {
            logger.info(
                "file written", metadata: ["rows": "\(summary.rows)", "to": "\(output ?? "standard output")"])
        }
    }
}

extension FocusVersion: ExpressibleByArgument {}
