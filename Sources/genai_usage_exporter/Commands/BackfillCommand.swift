import ArgumentParser
import ConfigReading
import ExporterCore
import UsageModel

/// `backfill`: writes the ledger's history as OpenMetrics, for import into a new Prometheus.
struct BackfillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backfill",
        abstract: "Write the ledger's history as OpenMetrics for `promtool tsdb create-blocks-from openmetrics`.",
        discussion:
            "Runs beside an exporter that uses the same storage. Load the history once, before the first scrape.")

    @OptionGroup var config: HistoryConfigOption
    @OptionGroup var storage: StorageOptions
    @OptionGroup var log: LogOptions

    @Option(
        name: .customLong("from"), help: "The first day (UTC), such as 2026-11-01; the ledger's first unless given.")
    var from: UTCDay?

    @Option(
        name: .customLong("to"),
        help: "The last day (UTC), inclusive: the day before Prometheus' first scrape; up to 3 hours ago unless given.")
    var to: UTCDay?

    @Option(
        name: .customLong("label"),
        help: """
            NAME=VALUE that Prometheus adds to scraped series, such as job=genai and instance=localhost:10061; \
            repeatable. Backfilled and scraped samples are then one series.
            """)
    var labels: [ScrapeLabel] = []

    @Option(name: .customLong("output"), help: "Write to this file, replaced as a whole, instead of standard output.")
    var output: String?

    func validate() throws {
        if let from, let to, from > to { throw ValidationError("--from \(from) is after --to \(to)") }
    }

    func run() async throws {
        let clock = SystemClock()
        let redaction = LogRedaction()
        let logger = log.logger(clock: clock, redaction: redaction)
        let configuration = try config.load(clock: clock, redaction: redaction, logger: logger)
        let backfill: Backfill
        do {
            backfill = try Backfill(
                BackfillSpan(from: from, to: to, now: clock.now), configuration: configuration, scrapeLabels: labels)
        } catch {
            throw ValidationError("--label must name a label that the exporter does not write itself: \(error)")
        }
        try await config.warnOfSimulation(in: storage.path, logger: logger)
        let bar = ProgressBar(outputIsStandard: output == nil)
        let samples = try await OutputTarget(output).write { write in
            try await backfill.run(folder: storage.path, write: write) { bar.show(done: $0.done, of: $0.total) }
        }
        bar.end()
        if samples == 0 {
            logger.warning(
                "nothing to write: the ledger has no usage of these accounts in these days that is older than 3 hours")
        } else {
            logger.info("history written", metadata: ["samples": "\(samples)", "to": "\(output ?? "standard output")"])
        }
    }
}

extension ScrapeLabel: ExpressibleByArgument {
    /// `NAME=VALUE`.
    package init?(argument: String) {
        self.init(argument)
    }
}

extension UTCDay: ExpressibleByArgument {
    /// A date such as `2026-11-01`.
    package init?(argument: String) {
        self.init(argument)
    }
}
