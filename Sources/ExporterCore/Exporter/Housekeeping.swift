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
    private let recover: @Sendable () async throws -> [ExporterAccount]?
    private var accounts: [ExporterAccount] = []
    private var storedScrapes: [Int: Int64] = [:]
    private var since: Timestamp
    private var prunedOn: UTCDay?
    private var lastReload: Timestamp
    /// What is wrong with the storage, as it was logged last; nil while nothing is.
    private var trouble: String?
    /// Whether the config in force is the newest that was asked for.
    private(set) var isConfigurationCurrent = true

    /// - Parameter recover: opens the storage anew where that is needed, and answers the accounts that there are then;
    ///   nil where it is not.
    init(
        ledger: UsageLedger, renderer: MetricsRenderer, scrapes: ScrapeTally, storageErrors: StorageErrors,
        rendering: ExporterRendering, shard: Shard, retention: Duration, clock: any WallClock, logger: Logger,
        recover: @escaping @Sendable () async throws -> [ExporterAccount]?
    ) {
        self.recover = recover
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

    /// Shows how the last load of the web config went.
    func showWebConfiguration(isCurrent: Bool) async throws {
        try await renderer.apply(rendering.webReload(succeeded: isCurrent))
    }

    /// Looks again and again until cancelled.
    func run() async throws {
        while !Task.isCancelled {
            try await clock.sleep(for: Self.interval)
            try await tick()
        }
    }

    /// Looks once. What the storage refuses is logged, counted, and tried again by the next look.
    ///
    /// - Throws: `CancellationError` alone.
    func tick() async throws {
        do {
            if let rebuilt = try await recover() {
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
            tell("\(error)")
        }
        try await showFigures()
        await renderer.publish()
    }

    /// One line for each thing that is wrong, however often it is tried.
    private func tell(_ problem: String) {
        guard problem != trouble else { return }
        trouble = problem
        logger.error("the storage cannot be used; what is durable is served on", metadata: ["error": "\(problem)"])
    }

    private func storageWorks() {
        guard trouble != nil else { return }
        trouble = nil
        logger.notice("the storage can be used again")
    }

    private func prune() async throws {
        let today = clock.now.day
        // A clock that no provider has confirmed must not delete anything.
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

    /// A counter of ours is shown only once it is stored, like every other. While the storage is in trouble this is also
    /// how its end is noticed.
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

/// Opens the ledger anew where its file was damaged or exchanged, and says so.
struct StorageRecovery: Sendable {
    let ledger: UsageLedger
    let errors: StorageErrors
    let clock: any WallClock
    let logger: Logger

    /// The storage's own salt for hashed labels: made the first time, or `known`, so that no label changes with the file.
    func salt(known: String? = nil) async throws -> String {
        try await ledger.setting(LabelView.saltSetting) {
            known ?? (0..<4).map { _ in String(UInt64.random(in: .min ... .max), radix: 16) }.joined()
        }
    }

    /// Opens what is at the ledger's place now, if it has to be: no source may be at work.
    ///
    /// - Parameter salt: of the ledger that was open.
    /// - Throws: `LedgerError`; nothing is stored then until this succeeds.
    func reopenIfNeeded(keeping salt: String) async throws {
        guard ledger.needsReopening else { return }
        if let setAside = try await ledger.reopen(now: clock.now) {
            tell(setAside: setAside)
        } else {
            logger.warning("the ledger's file was exchanged: the accounts go on from what is in it now")
        }
        _ = try await self.salt(known: salt)
    }

    /// Logs what the storage's file system cannot do.
    func noteFileSystem() {
        guard ledger.isExclusive else { return }
        logger.warning(
            "the storage folder has no shared memory, like network storage: no other process can read the ledger",
            metadata: ["backfill": "copy the stopped exporter's folder to a local disk first"])
    }

    /// Says that a damaged ledger was put aside.
    func tell(setAside path: String) {
        errors.add()
        logger.error(
            "the ledger was damaged: it was set aside, and is rebuilt from the providers", metadata: ["file": "\(path)"]
        )
    }
}
