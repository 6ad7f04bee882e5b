import ConfigReading
import Logging
import NIOConcurrencyHelpers
import ServiceLifecycle
import Upstream
import UsageLedger
import UsageModel

/// The exporter without its HTTP server: accounts, their sources, the ledger, and the snapshot that scrapes read.
package final class Exporter: Service {
    /// Dependencies and options of the exporter besides its config.
    package struct Environment: Sendable {
        package var clock: any WallClock = SystemClock()
        /// The source of jitter.
        package var random: any RandomSource = SystemRandom()
        package var build = BuildInformation(revision: "unknown")
        /// The shard whose accounts the config contains.
        package var shard = Shard.whole
        package var logger: Logger
        /// The origin of the ledger's money.
        package var origin = LedgerOrigin.billed
        /// Whether a new series is served as 0 until a scrape has seen it; false if the metrics are printed only once.
        package var holdsNewSeries = true
        /// Whether the OpenMetrics format has `_created` lines, each of which a scraper stores as another series.
        package var showsCreated = false
        /// Secrets to redact in the log, including those that rotate at run time.
        package var redaction = LogRedaction()

        package init(logger: Logger) {
            self.logger = logger
        }
    }

    /// The newest snapshot.
    package let store = SnapshotStore()
    /// Counts of scrapes by the HTTP server.
    package let scrapes = ScrapeTally()

    let renderer: MetricsRenderer
    private let ledger: UsageLedger
    private let budgetBook: BudgetBook
    private let connections: UpstreamConnections
    private let supervisor: AccountSupervisor
    private let builder: @Sendable (ExporterConfiguration) -> AccountBuilder
    private let housekeeping: Housekeeping
    let snapshots: LedgerSnapshots
    private let readiness: Readiness
    package let clock: any WallClock
    private let logger: Logger

    /// The result of a request to read days again.
    package enum SyncRequestResult: Sendable {
        /// The next sync reads them. It starts now unless the last one failed.
        case accepted
        /// No account has this name.
        case unknownAccount
        /// No source that can be queried by date has cells of these days in the ledger.
        case daysNotKept
    }

    /// Opens the storage and serves its series, without requests to a provider.
    ///
    /// - Parameters:
    ///   - configuration: validated accounts and defaults.
    ///   - folder: the ledger's folder.
    /// - Throws: `LedgerError` if the storage is refused; `InvalidUpstreamSetting` for an invalid address or proxy.
    package init(
        _ configuration: ExporterConfiguration, storage folder: String, environment: Environment
    ) async throws {
        clock = environment.clock
        logger = environment.logger
        let now = clock.now
        ledger = try await UsageLedger.open(
            folder: folder, origin: environment.origin, families: configuration.families, now: now)
        renderer = try MetricsRenderer(
            publishingTo: store, catalogue: MetricCatalogue(configuration.families),
            showsCreated: environment.showsCreated)
        connections = UpstreamConnections()
        let errors = StorageErrors()
        let salt = try await StorageSupervisor.salt(of: ledger)
        budgetBook = BudgetBook(configuration, renderer: renderer, clock: clock)
        let builder = { @Sendable [ledger, renderer, budgetBook, connections] configuration in
            AccountBuilder(
                configuration: configuration, ledger: ledger, renderer: renderer, budgetBook: budgetBook,
                connections: connections, storageErrors: errors, salt: salt, environment: environment)
        }
        self.builder = builder
        readiness = Readiness(accounts: configuration.accounts.map(\.name))
        supervisor = AccountSupervisor(
            configuration, renderer: renderer, budgetBook: budgetBook, readiness: readiness)
        let storage = StorageSupervisor(
            ledger: ledger, errors: errors, salt: salt, accounts: supervisor, builder: builder, clock: clock,
            logger: logger)
        let rendering = ExporterRendering(build: environment.build, startedAt: now)
        housekeeping = Housekeeping(
            storage: storage, renderer: renderer, scrapes: scrapes, rendering: rendering, shard: environment.shard,
            retention: configuration.global.retention, clock: clock, logger: logger)
        snapshots = LedgerSnapshots(
            configuration.snapshot, of: ledger, renderer: renderer, rendering: rendering, shard: environment.shard,
            clock: clock, logger: logger)
        do {
            try await storage.begin(configuration)
            try await housekeeping.begin(accounts: supervisor.accounts)
            try await snapshots.begin()
        } catch {
            try? await connections.shutdown()
            try? await ledger.close()
            throw error
        }
        await renderer.publish()
    }

    package var now: Timestamp { clock.now }

    /// Whether the storage is open and every account was tried once.
    package var isReady: Bool { readiness.isReady }

    /// Whether the newest config is active: false while an older one stays active, because the newest was refused.
    package var isConfigurationCurrent: Bool {
        get async { await housekeeping.isConfigurationCurrent }
    }

    var accounts: [ExporterAccount] {
        get async { await supervisor.accounts }
    }

    /// The accounts in the order of the config.
    package var accountPlaces: [AccountPlace] {
        get async {
            await supervisor.places
        }
    }

    /// Applies a new config without a restart. Series of accounts that remain in the config continue, and unchanged
    /// accounts are not interrupted.
    ///
    /// - Throws: `LedgerError`, `InvalidUpstreamSetting` or `ReloadUnderWay`; the old config then stays active, and the
    ///   metrics report that the reload failed.
    package func reload(_ configuration: ExporterConfiguration) async throws {
        let result: Result<Void, any Error>
        do {
            try await supervisor.reload(configuration, with: builder(configuration))
            result = .success(())
        } catch let underWay as ReloadUnderWay {
            throw underWay
        } catch {
            result = .failure(error)
        }
        await housekeeping.take(
            accounts: supervisor.accounts, retention: await supervisor.configuration.global.retention)
        connections.keep(only: await supervisor.accounts.map(\.upstream))
        await showReload(succeeded: (try? result.get()) != nil)
        try result.get()
        // The operator may have fixed a failure whose back-off would last up to an hour.
        for runner in await supervisor.accounts.flatMap(\.runners) { await runner.retry() }
        await snapshots.apply(configuration.snapshot)
    }

    /// Reports that a new config could not be read, and that the old one stays active.
    package func reloadFailed() async {
        await showReload(succeeded: false)
    }

    /// Reports whether the newest web config file is active.
    ///
    /// - Parameter isCurrent: false while an older one stays active, because the newest was refused.
    package func showWebConfiguration(isCurrent: Bool) async {
        do {
            try await housekeeping.showWebConfiguration(isCurrent: isCurrent)
        } catch {
            logger.error("the result of loading the web config could not be rendered", metadata: ["error": "\(error)"])
        }
        await renderer.publish()
    }

    /// Syncs the sources of one account, or of all accounts, now.
    ///
    /// - Parameter account: the account's name; nil for all.
    /// - Returns: the number of sources that back off after a failure and are synced when the back-off ends; nil if the
    ///   account does not exist.
    package func syncSoon(account: String?) async -> Int? {
        let chosen = await supervisor.accounts.filter { account == nil || $0.name == account }
        guard account == nil || !chosen.isEmpty else { return nil }
        var waiting = 0
        for runner in chosen.flatMap(\.runners) where await !runner.syncSoon() { waiting += 1 }
        return waiting
    }

    /// Reads days of one account again, settled or not. The difference to the counted usage is counted once.
    ///
    /// - Throws: `LedgerError.storage`.
    package func sync(account name: String, days: ClosedRange<UTCDay>) async throws -> SyncRequestResult {
        guard let account = await supervisor.accounts.first(where: { $0.name == name }) else { return .unknownAccount }
        var isReadable = false
        for runner in account.runners where try await runner.read(days) { isReadable = true }
        return isReadable ? .accepted : .daysNotKept
    }

    private func showReload(succeeded: Bool) async {
        do {
            try await housekeeping.showReload(succeeded: succeeded)
        } catch {
            logger.error("the result of the reload could not be rendered", metadata: ["error": "\(error)"])
        }
        await renderer.publish()
    }

    /// Syncs every source on its schedule until shutdown, then closes the ledger.
    package func run() async throws {
        let result: Result<Void, any Error>
        do {
            try await cancelWhenGracefulShutdown { try await self.work() }
            result = .success(())
        } catch  where error is CancellationError || Task.isCancelled || Task.isShuttingDownGracefully {
            // An interruption by the shutdown is not a failure, because the ledger's transactions are atomic.
            result = .success(())
        } catch {
            result = .failure(error)
        }
        // The shutdown cancels this task, so `close` runs in a task of its own.
        try await Task { try await close() }.value
        try result.get()
    }

    /// Syncs every source once, or those of one account, and returns whether all succeeded. Call `close` afterwards.
    ///
    /// - Parameter account: the account's name; nil for all.
    package func syncOnce(account: String? = nil) async throws -> Bool {
        let accounts = await supervisor.accounts.filter { account == nil || $0.name == account }
        let succeeded = try await withThrowingTaskGroup(of: Bool.self) { group in
            for account in accounts {
                for runner in account.runners {
                    group.addTask { try await runner.syncOnce() }
                }
            }
            return try await group.reduce(true) { $0 && $1 }
        }
        await supervisor.showRebuilt()
        try await housekeeping.tick()
        return succeeded
    }

    /// Closes the connections to the providers and the ledger.
    package func close() async throws {
        try await connections.shutdown()
        try await ledger.close()
    }

    /// The budgets of the config that several accounts may share.
    package func sharedBudgets() async -> [AccountOverview.Budget] {
        await budgetBook.figures.flatMap { gauges in
            AccountOverview.Budget.all { gauges[$0] ?? [] }
        }
    }

    /// Summarizes each account for the status page.
    ///
    /// - Throws: `LedgerError.storage`.
    package func overview() async throws -> [AccountOverview] {
        var overviews: [AccountOverview] = []
        for account in await supervisor.accounts { overviews.append(try await account.overview()) }
        return overviews
    }

    /// Applies time-driven changes now, as `run` does periodically.
    func tick() async throws {
        try await housekeeping.tick()
    }

    private func work() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.housekeeping.run() }
            group.addTask { try await self.snapshots.run() }
            for await run in supervisor.arrivals {
                group.addTask { try await run.run() }
            }
            try await group.waitForAll()
        }
    }
}

/// Tracks whether every account of the start was tried once. Accounts that a reload adds are not awaited.
final class Readiness: Sendable {
    private let missing: NIOLockedValueBox<Set<String>>

    init(accounts: some Sequence<String>) {
        missing = NIOLockedValueBox(Set(accounts))
    }

    var isReady: Bool { missing.withLockedValue { $0.isEmpty } }

    /// Stops waiting for an account, because it was tried or removed.
    func forget(_ account: String) {
        missing.withLockedValue { _ = $0.remove(account) }
    }
}
