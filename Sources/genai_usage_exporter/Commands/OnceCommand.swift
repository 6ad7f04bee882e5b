import ArgumentParser
import ConfigReading
import ExporterCore
import UsageModel

/// `once`: syncs every account once, prints the metrics and exits, for cron and node_exporter's textfile collector.
struct OnceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "once", abstract: "Sync every account once, print the metrics, exit.")

    @OptionGroup var config: ConfigOptions
    @OptionGroup var shard: ShardOptions
    @OptionGroup var storage: StorageOptions
    @OptionGroup var log: LogOptions

    @Option(name: .customLong("output"), help: "Write to this file, replaced as a whole, instead of standard output.")
    var output: String?

    @Option(name: .customLong("account"), help: "Sync this account only; all unless given.")
    var account: String?

    @Option(
        name: .customLong("from"),
        help: "With --account and --to: the first of the days (UTC) to read again, however old, such as 2026-11-01.")
    var from: UTCDay?

    @Option(name: .customLong("to"), help: "With --account and --from: the last of these days (UTC).")
    var to: UTCDay?

    func validate() throws {
        guard from != nil || to != nil else { return }
        guard account != nil, let from, let to, from <= to else {
            throw ValidationError("give --account, --from and --to together, --from no later than --to")
        }
    }

    func run() async throws {
        let clock = SystemClock()
        let redaction = LogRedaction()
        let logger = log.logger(clock: clock, redaction: redaction)
        let configuration = try config.load(clock: clock, redaction: redaction).part(of: shard.shard)
        var environment = Exporter.Environment(logger: logger)
        environment.build = RootCommand.build
        environment.redaction = redaction
        environment.shard = shard.shard
        environment.holdsNewSeries = false
        if let account, !configuration.accounts.contains(where: { $0.name == account }) {
            throw ValidationError("--account: there is no account \(account) in the config")
        }
        let exporter = try await Exporter(configuration, storage: storage.path, environment: environment)
        let succeeded: Bool
        do {
            try await request(of: exporter)
            succeeded = try await exporter.syncOnce(account: account)
        } catch {
            try? await exporter.close()
            throw error
        }
        // The textfile collector merges files of several programs, whose process_* would be duplicates.
        var selection = SnapshotSelection()
        selection.isAccountsOnly = true
        let metrics = try exporter.store.current.body(.text004, .identity, of: selection).bytes
        try await exporter.close()
        try await OutputTarget(output).write { try $0(metrics) }
        guard succeeded else {
            throw CommandFailure(message: "not every source could be synced: see the log and genai_up")
        }
    }

    /// Requests that the given days are read again.
    private func request(of exporter: Exporter) async throws {
        guard let account, let from, let to else { return }
        guard case .accepted = try await exporter.sync(account: account, days: from...to) else {
            throw CommandFailure(
                message:
                    "no source of \(account) can read \(from) to \(to) again: they are before the ledger's start or in "
                    + "the future, the provider no longer serves them, or it cannot be queried by date")
        }
    }
}
