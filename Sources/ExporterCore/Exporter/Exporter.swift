import Logging
import NIOConcurrencyHelpers
import ServiceLifecycle
import Upstream
import UsageLedger
import UsageModel

/// The whole exporter but its web face: accounts, their sources, the ledger, and the snapshot that scrapes are given.
package final class Exporter: Service {
    /// What the exporter is made with, apart from its config.
    package struct Environment: Sendable {
        /// Where the time comes from.
        package var clock: any WallClock = SystemClock()
        /// Where jitter comes from.
        package var random: any RandomSource = SystemRandom()
        /// What the exporter was built from.
        package var build = BuildInformation(revision: "unknown")
        /// Which part of the accounts the config was left with.
        package var shard = Shard.whole
        /// Where log records go.
        package var logger: Logger
        /// Whether a new series is served as 0 until a scrape has seen it; not where each print is a final one.
        package var holdsNewSeries = true
        /// Whether the OpenMetrics format has `_created` lines: a scraper stores each of them as one more series.
        package var showsCreated = false
        /// What the log must never show: keys that rotate are added as they are read.
        package var redaction = LogRedaction()

        /// The machine's clock and randomness.
        package init(logger: Logger) {
            self.logger = logger
        }
    }

    /// The newest complete snapshot.
    package let store = SnapshotStore()
    /// Scrapes, as the web face counts them.
    package let scrapes = ScrapeTally()

    let renderer: MetricsRenderer
    private let ledger: UsageLedger
    private let connections: UpstreamConnections
    private let supervisor: AccountSupervisor
    private let builder: @Sendable (ExporterConfiguration) -> AccountBuilder
    private let housekeeping: Housekeeping
    private let readiness: Readiness
    /// Where the exporter's time comes from.
    package let clock: any WallClock
    private let logger: Logger

    /// What becomes of a request to read days again.
    package enum SyncRequestResult: Sendable {
        /// The next sync reads them, which comes now unless the last one failed.
        case accepted
        /// No account has this name.
        case unknownAccount
        /// None of them is in the ledger's time with its cells kept, at a source that can be asked by date.
        case daysNotKept
    }

    /// Opens the storage and shows what it holds; nothing is asked of a provider yet.
    ///
    /// - Parameters:
    ///   - configuration: checked accounts and defaults.
    ///   - folder: the ledger's folder.
    /// - Throws: `LedgerError` where the storage is refused; `InvalidUpstreamSetting` for an address or proxy that
    ///   cannot be used.
    package init(
        _ configuration: ExporterConfiguration, storage folder: String, environment: Environment
    ) async throws {
        clock = environment.clock
        logger = environment.logger
        let now = clock.now
        ledger = try await UsageLedger.open(folder: folder, now: now)
        renderer = try MetricsRenderer(publishingTo: store, showsCreated: environment.showsCreated)
        connections = UpstreamConnections()
        let errors = StorageErrors()
        let storage = StorageRecovery(ledger: ledger, errors: errors, clock: clock, logger: logger)
        if let setAside = ledger.setAside { storage.tell(setAside: setAside) }
        storage.noteFileSystem()
        let salt = try await storage.salt()
        let builder = { @Sendable [ledger, renderer, connections] configuration in
            AccountBuilder(
                configuration: configuration, ledger: ledger, renderer: renderer, connections: connections,
                storageErrors: errors, salt: salt, environment: environment)
        }
        self.builder = builder
        readiness = Readiness(accounts: configuration.accounts.map(\.name))
        let supervisor = AccountSupervisor(configuration, renderer: renderer, readiness: readiness)
        self.supervisor = supervisor
        housekeeping = Housekeeping(
            ledger: ledger, renderer: renderer, scrapes: scrapes, storageErrors: errors,
            rendering: ExporterRendering(build: environment.build, startedAt: now), shard: environment.shard,
            retention: configuration.global.retention, clock: clock, logger: logger
        ) { [ledger] in
            let isHalted = await supervisor.isHalted
            guard isHalted || ledger.needsReopening else { return nil }
            try await supervisor.rebuild(with: builder(supervisor.configuration)) {
                try await storage.reopenIfNeeded(keeping: salt)
            }
            return await supervisor.accounts
        }
        do {
            do {
                try await supervisor.begin(with: builder(configuration))
            } catch  where ledger.needsReopening {
                // Damage that SQLite does not see comes out when the accounts are read.
                try await storage.reopenIfNeeded(keeping: salt)
                try await supervisor.begin(with: builder(configuration))
            }
            try await housekeeping.begin(accounts: supervisor.accounts)
        } catch {
            try? await connections.shutdown()
            try? await ledger.close()
            throw error
        }
        await renderer.publish()
    }

    /// The present moment by the exporter's clock.
    package var now: Timestamp { clock.now }

    /// Whether the storage is open and every account was tried once.
    package var isReady: Bool { readiness.isReady }

    /// Whether the last config that was to be taken over was: false while an older one goes on.
    package var isConfigurationCurrent: Bool {
        get async { await housekeeping.isConfigurationCurrent }
    }

    /// The accounts at work.
    var accounts: [ExporterAccount] {
        get async { await supervisor.accounts }
    }

    /// The accounts in the order of the config.
    package var accountPlaces: [AccountPlace] {
        get async {
            await supervisor.places
        }
    }

    /// Takes a new config over without a restart: no series goes away that the new config still asks for, and accounts
    /// that did not change are not disturbed.
    ///
    /// - Throws: `LedgerError`, `InvalidUpstreamSetting` or `ReloadUnderWay`; what could not be changed goes on as
    ///   before, and the metrics say that the reload failed.
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
        // The operator has fixed something, perhaps a key that would be tried again only in an hour.
        for runner in await supervisor.accounts.flatMap(\.runners) { await runner.retry() }
    }

    /// Shows that a new config could not be read: the running one stays.
    package func reloadFailed() async {
        await showReload(succeeded: false)
    }

    /// Shows whether the web config file as it is now is the active one.
    ///
    /// - Parameter isCurrent: false while an older one stays active, because the newest was refused.
    package func showWebConfiguration(isCurrent: Bool) async {
        do {
            try await housekeeping.showWebConfiguration(isCurrent: isCurrent)
        } catch {
            logger.error("the web config's result could not be shown", metadata: ["error": "\(error)"])
        }
        await renderer.publish()
    }

    /// Has the sources of one account, or of all, synced now.
    ///
    /// - Parameter account: the account's name; nil for all.
    /// - Returns: how many sources wait out the back-off after a failure, and are synced at its end; nil where there is no
    ///   such account.
    package func syncSoon(account: String?) async -> Int? {
        let chosen = await supervisor.accounts.filter { account == nil || $0.name == account }
        guard account == nil || !chosen.isEmpty else { return nil }
        var waiting = 0
        for runner in chosen.flatMap(\.runners) where await !runner.syncSoon() { waiting += 1 }
        return waiting
    }

    /// Has days of one account read again, settled or not: the difference to what was counted is counted once.
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
            logger.error("the reload's result could not be shown", metadata: ["error": "\(error)"])
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
            // What a stop interrupts is no failure: the ledger's transactions are whole or not there.
            result = .success(())
        } catch {
            result = .failure(error)
        }
        // A stop cancels this task too; closing must not be cut short by it.
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

    /// Ends connections to the providers and closes the ledger.
    package func close() async throws {
        try await connections.shutdown()
        try await ledger.close()
    }

    /// What a status page shows of each account.
    ///
    /// - Throws: `LedgerError.storage`.
    package func overview() async throws -> [AccountOverview] {
        var overviews: [AccountOverview] = []
        for account in await supervisor.accounts { overviews.append(try await account.overview()) }
        return overviews
    }

    /// Lets time-driven changes happen now: what a timer does while `run` runs.
    func tick() async throws {
        try await housekeeping.tick()
    }

    private func work() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.housekeeping.run() }
            for await run in supervisor.arrivals {
                group.addTask { try await run.run() }
            }
            try await group.waitForAll()
        }
    }
}

/// Whether every account that there was at the start was tried once. What a reload adds does not take it back.
final class Readiness: Sendable {
    private let missing: NIOLockedValueBox<Set<String>>

    init(accounts: some Sequence<String>) {
        missing = NIOLockedValueBox(Set(accounts))
    }

    var isReady: Bool { missing.withLockedValue { $0.isEmpty } }

    /// Waits for an account no longer: it was tried, or is gone.
    func forget(_ account: String) {
        missing.withLockedValue { _ = $0.remove(account) }
    }
}
