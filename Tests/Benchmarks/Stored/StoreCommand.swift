import ArgumentParser
import ExporterCore

/// Makes a stored ledger for an exporter, or another measurement, to begin with.
struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "store", shouldDisplay: false)

    @Option(help: "Series of the ledger.")
    var series: Int

    @Option(help: "An empty or missing folder.")
    var folder: String

    func run() async throws {
        try await StoredLedger(shape: LedgerShape(series: series), folder: folder).write(now: SystemClock().now)
    }
}
