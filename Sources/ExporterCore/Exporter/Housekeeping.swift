import Logging
import UsageLedger
import UsageModel

/// Performs periodic work: the exporter's own metrics, midnight, releases of series held at 0, retention.
actor Housekeeping {
    /// The time between two ticks.
    static let interval = Duration.seconds(5)

    private static let scrapesPrefix = "scrapes_"
    private static let scrapesSince = "scrapes_since"

    private let ledger: UsageLedger
    private let renderer: MetricsRenderer
    private let scrapes: ScrapeTally
    private let storageErrors: StorageErrors
    private let rendering: ExporterRendering
    private let shard: Shard
    private var retention: Duration
    private let clock: any WallClock
    private let logger: Logger
    private let storage: StorageSupervisor
    private var accounts: [ExporterAccount] = []
    private var storedScrapes: [Int: Int64] = [:]
    private var since: Timestamp
    private var prunedOn: UTCDay?
    private var lastReload: Timestamp
    /// The problem with the storage that was logged last; nil while there is none.
    private var trouble: String?
    /// Whether the active config is the newest.
    private(set) var isConfigurationCurrent = true

    init(
        storage: StorageSupervisor, renderer: MetricsRenderer, scrapes: ScrapeTally, rendering: ExporterRendering,
        shard: Shard, retention: Duration, clock: any WallClock, logger: Logger
    ) {
        self.storage = storage
        ledger = storage.ledger
        storageErrors = storage.errors
        self.renderer = renderer
        self.scrapes = scrapes
        self.rendering = rendering
        self.shard = shard
        self.retention = retention
        self.clock = clock
        self.logger = logger
        since = rendering.startedAt
        lastReload = rendering.startedAt
    }

    /// Continues the counts of earlier runs, and renders the exporter's own families.
    func begin(accounts: [ExporterAccount]) async throws {
        self.accounts = accounts
        let counters = try await ledger.exporterCounters()
        if let first = counters[Self.scrapesSince] {
            since = Timestamp(milliseconds: first)
        } else {
            try await ledger.saveExporterCounters([Self.scrapesSince: since.milliseconds])
        }
        for (name, count) in counters where name.hasPrefix(Self.scrapesPrefix) && name != Self.scrapesSince {
            if let code = Int(name.dropFirst(Self.scrapesPrefix.count)) { storedScrapes[code] = count }
        }
        scrapes.restore(storedScrapes)
        try await renderer.apply(rendering.constant(shard: shard.ordinal, shards: shard.total))
        try await showReload(succeeded: true)
        try await showFigures()
    }

    /// Replaces the accounts and the retention after a reload.
    func take(accounts: [ExporterAccount], retention: Duration) {
        self.accounts = accounts
        self.retention = retention
    }

    /// Renders the result of loading the config, and the number of accounts.
    func showReload(succeeded: Bool) async throws {
        if succeeded { lastReload = clock.now }
        isConfigurationCurrent = succeeded
        try await renderer.apply(
            rendering.reload(succeeded: succeeded, lastSuccess: lastReload, accounts: accounts.count))
    }

    /// Renders the result of loading the web config.
    func showWebConfiguration(isCurrent: Bool) async throws {
        try await renderer.apply(rendering.webReload(succeeded: isCurrent))
    }

    /// Ticks periodically until cancelled.
    func run() async throws {
        while !Task.isCancelled {
            try await clock.sleep(for: Self.interval)
            try await tick()
        }
    }

    /// Performs the work once. Failures of the storage are logged and counted, and the next tick tries again.
    ///
    /// - Throws: only `CancellationError`.
    func tick() async throws {
        do {
            if let rebuilt = try await storage.recover() {
                accounts = rebuilt
                storedScrapes = [:]
            }
            for account in accounts { _ = try await account.accountRenderer.tick() }
            try await prune()
            try await storeScrapes()
            storageWorks()
        } catch  where error is CancellationError || Task.isCancelled {
            throw CancellationError()
        } catch {
            storageErrors.add()
            logOnce("\(error)")
        }
        try await showFigures()
        await renderer.publish()
    }

    /// Logs a problem unless it was the last one logged.
    private func logOnce(_ problem: String) {
        guard problem != trouble else { return }
        trouble = problem
        logger.error("the storage cannot be used: only durable data is served", metadata: ["error": "\(problem)"])
    }

    private func storageWorks() {
        guard trouble != nil else { return }
        trouble = nil
        logger.notice("the storage can be used again")
    }

    private func prune() async throws {
        let today = clock.now.day
        // Nothing is deleted by a clock that no provider has confirmed.
        let skews = accounts.map(\.skew)
        guard prunedOn != today, skews.contains(where: { $0.isTrusted(at: clock.now) }),
            skews.allSatisfy({ $0.excess == nil })
        else {
            return
        }
        let changes = try await ledger.pruneDays(before: (clock.now - retention).day)
        prunedOn = today
        for account in accounts {
            if let change = changes[account.id] { try await account.accountRenderer.show(change) }
            try await account.accountRenderer.pruned(before: try await ledger.prunedBefore(account.id))
        }
    }

    /// Stores the scrape counts before they are served, like all counters. While the storage fails, this write also
    /// detects its recovery.
    private func storeScrapes() async throws {
        let newest = scrapes.byCode
        guard newest != storedScrapes || trouble != nil else { return }
        var counters = Dictionary(newest.map { ("\(Self.scrapesPrefix)\($0)", $1) }, uniquingKeysWith: { $1 })
        counters[Self.scrapesSince] = since.milliseconds
        try await ledger.saveExporterCounters(counters)
        storedScrapes = newest
    }

    private func showFigures() async throws {
        try await renderer.apply(
            rendering.figures(
                scrapes: storedScrapes, since: since, inFlight: scrapes.inFlight, storageBytes: ledger.storageBytes(),
                storageErrors: storageErrors.count, setAside: ledger.filesSetAside(), process: ProcessFigures.read()))
    }
}
