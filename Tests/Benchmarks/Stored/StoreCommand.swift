import ArgumentParser
import ExporterCore

/// Creates a stored ledger for other measurements.
struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "store", shouldDisplay: false)

    @Option(help: "Number of series of the ledger.")
    var series: Int

    @Option(help: "An empty or missing directory.")
    var folder: String

    func run() async throws {
        try await StoredLedger(shape: LedgerShape(series: series), folder: folder).write(now: SystemClock().now)
    }
}
