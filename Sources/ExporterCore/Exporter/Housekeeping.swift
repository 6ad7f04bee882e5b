import Logging
import UsageLedger
import UsageModel

/// What time alone brings about: the exporter's own figures, midnight, series that stop being shown as 0, retention.
actor Housekeeping {
    /// How often it looks.
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
    private var accounts: [ExporterAccount] = []
    private var storedScrapes: [Int: Int64] = [:]
    private var since: Timestamp
    private var prunedOn: UTCDay?
    private var lastReload: Timestamp
    /// Whether the config in force is the newest that was asked for.
    private(set) var isConfigurationCurrent = true

    init(
        ledger: UsageLedger, renderer: MetricsRenderer, scrapes: ScrapeTally, storageErrors: StorageErrors,
        rendering: ExporterRendering, shard: Shard, retention: Duration, clock: any WallClock, logger: Logger
    ) {
        self.ledger = ledger
        self.renderer = renderer
        self.scrapes = scrapes
        self.storageErrors = storageErrors
        self.rendering = rendering
        self.shard = shard
        self.retention = retention
        self.clock = clock
        self.logger = logger
        since = rendering.startedAt
        lastReload = rendering.startedAt
    }

    /// Goes on from what earlier runs counted, and shows the exporter's own families.
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

    /// Goes on with other accounts: those that a reload leaves.
    func take(accounts: [ExporterAccount], retention: Duration) {
        self.accounts = accounts
        self.retention = retention
    }

    /// Shows how loading the config went, and how many accounts there are since.
    func showReload(succeeded: Bool) async throws {
        if succeeded { lastReload = clock.now }
        isConfigurationCurrent = succeeded
        try await renderer.apply(
            rendering.reload(succeeded: succeeded, lastSuccess: lastReload, accounts: accounts.count))
    }

    /// Looks again and again until cancelled.
    func run() async throws {
        while !Task.isCancelled {
            try await clock.sleep(for: Self.interval)
            do {
                try await tick()
            } catch  where error is CancellationError || Task.isCancelled {
                throw CancellationError()
            } catch {
                storageErrors.add()
                logger.error("housekeeping failed", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Looks once.
    func tick() async throws {
        for account in accounts { _ = try await account.exposition.tick() }
        try await prune()
        await storeScrapes()
        try await showFigures()
        await renderer.publish()
    }

    private func prune() async throws {
        let today = clock.now.day
        guard prunedOn != today else { return }
        let changes = try await ledger.prune(before: (clock.now - retention).day, now: clock.now)
        prunedOn = today
        for account in accounts {
            if let change = changes[account.id] { try await account.exposition.show(change) }
        }
    }

    /// A counter of ours is shown only once it is stored, like every other.
    private func storeScrapes() async {
        let newest = scrapes.byCode
        guard newest != storedScrapes else { return }
        do {
            try await ledger.saveExporterCounters(
                Dictionary(newest.map { ("\(Self.scrapesPrefix)\($0)", $1) }, uniquingKeysWith: { $1 }))
            storedScrapes = newest
        } catch {
            storageErrors.add()
            logger.error("the number of scrapes could not be stored", metadata: ["error": "\(error)"])
        }
    }

    private func showFigures() async throws {
        try await renderer.apply(
            rendering.figures(
                scrapes: storedScrapes, since: since, inFlight: scrapes.inFlight, storageBytes: ledger.storageBytes(),
                storageErrors: storageErrors.count, process: ProcessFigures.read()))
    }
}
