import ConfigReading
import Foundation
import Logging
import UsageLedger
import UsageModel
import Upstream

/// Runs the syncs of one source: stores the outcome of each, and renders what it committed.
///
/// Duration, success and freshness are measured here, alike for every source.
actor SourceRunner {
    /// The source's name.
    nonisolated let name: String
    /// Whether the source reports usage, and not only gauges.
    nonisolated var reportsUsage: Bool { source.slicing != nil || source.countsOnReading }
    private let source: any UsageSource
    private var stored: LedgerSource
    private let start: LedgerStart
    private let skew: ClockSkew
    private let retention: Duration
    private let ledger: UsageLedger
    private let accountRenderer: AccountRenderer
    private let renderer: MetricsRenderer
    private let observer: SyncObserver
    let schedule: SyncSchedule
    let clock: any WallClock
    private let random: any RandomSource
    private let redaction: LogRedaction
    let wakeUp = AsyncEvent()
    private var isHistoryComplete: Bool
    /// Days that an operator requested to be read again, until a sync has read them.
    private(set) var requested: ClosedRange<UTCDay>?
    /// Syncs that read the requested days only in part.
    private var partialReadings = 0
    /// A day that stays unreadable is left to the schedule after this number of syncs.
    private static let mostPartialReadings = 5
    /// The day on which old slices were folded last.
    private var foldedOn: UTCDay?
    /// Whether the source backs off after the last sync's failure.
    private(set) var backsOff: Bool
    /// Whether the cause of a failure may have been fixed since the last sync began.
    var wantsRetry = false
    var log: SyncLog
    /// Returns a hash of what requests are made with (key, base URL): a hold applies to it. Key files may change at any time.
    let access: @Sendable () -> String
    /// The hash when the last sync began.
    private var usedAccess = ""
    private(set) var status: SyncStatus
    /// The status as last stored: only its counters may be served.
    private var storedStatus: SyncStatus

    init(
        _ source: any UsageSource, stored: LedgerSource, start: LedgerStart, skew: ClockSkew, retention: Duration,
        status: SyncStatus, ledger: UsageLedger, accountRenderer: AccountRenderer, renderer: MetricsRenderer,
        observer: SyncObserver, access: @escaping @Sendable () -> String,
        schedule: SyncSchedule, clock: any WallClock, random: any RandomSource, storageErrors: StorageErrors,
        redaction: LogRedaction,
        logger: Logger
    ) {
        name = source.name
        self.source = source
        self.stored = stored
        self.start = start
        self.skew = skew
        self.retention = retention
        self.status = status
        storedStatus = status
        self.ledger = ledger
        self.accountRenderer = accountRenderer
        self.renderer = renderer
        self.observer = observer
        self.access = access
        self.schedule = schedule
        self.clock = clock
        self.random = random
        self.redaction = redaction
        log = SyncLog(logger: logger, redaction: redaction, storageErrors: storageErrors)
        backsOff = status.hold != nil
        isHistoryComplete = stored.isHistoryComplete
        observer.restore(status.upstream)
    }

    /// Requests that the slices of these days are read again, and syncs now.
    ///
    /// - Returns: false if none of them can be read: they are outside the ledger, their cells are no longer kept, or the
    ///   provider cannot be queried by date.
    func read(_ days: ClosedRange<UTCDay>) async throws -> Bool {
        guard let plan = try await plan(), !plan.due(only: days).isEmpty else { return false }
        requested = requested.map { min($0.lowerBound, days.lowerBound)...max($0.upperBound, days.upperBound) } ?? days
        partialReadings = 0
        syncSoon()
        return true
    }

    /// Takes the requested days of an earlier runner of the same source.
    func takeRequest(of other: SourceRunner) async {
        requested = await other.requested
    }

    private func plan() async throws -> SlicePlan? {
        guard let slicing = source.slicing else { return nil }
        return SlicePlan(
            states: try await ledger.states(of: stored.id), slicing: slicing, ledgerStart: stored.ledgerStart,
            now: clock.now)
    }

    /// Syncs once.
    ///
    /// - Returns: the time until the next sync.
    /// - Throws: only `CancellationError`: every other failure is stored, served and logged.
    func sync() async throws -> Duration {
        let started = clock.now
        let steady = ContinuousClock.now
        let before = status
        status.since = status.since ?? started
        status.lastAttempt = started
        usedAccess = access()
        var context: LedgerSyncContext?
        var failure: (any ReasonedFailure)?
        let days = requested
        do {
            if !isHistoryComplete { try await proposeStart() }
            let run = LedgerSyncContext(
                source: stored, isFirst: !isHistoryComplete, plan: try await plan(), requested: days,
                countsOnReading: source.countsOnReading, isStartGiven: start.isGiven, skew: skew, ledger: ledger,
                clock: clock)
            context = run
            do {
                try await source.sync(run)
            } catch let partial as PartialFailure {
                // The history completes without the unread part, which is late data once it can be read.
                partialReadings += 1
                try await finishReading(run, of: partialReadings < Self.mostPartialReadings ? nil : days)
                throw partial
            }
            try await finishReading(run, of: days)
        } catch is CancellationError {
            throw CancellationError()
        } catch let postponed as SyncPostponed {
            return await postpone(until: postponed.until, from: before, context?.change ?? LedgerChange())
        } catch let error as any ReasonedFailure {
            failure = error
        } catch {
            // Sources and the upstream client throw failures with a reason: this one comes from the ledger.
            failure = SourceFailure(.storage, "the ledger: \(error)")
        }
        // Stopping the process interrupts the ledger's statements: that is not a failure of the source.
        try Task.checkCancellation()
        if let notice = observer.takeNotice(succeeded: failure == nil) {
            status.isDeprecated = notice.isDeprecated
            status.sunset = notice.sunset
        }
        isHistoryComplete = isHistoryComplete || context?.hasCompletedHistory == true
        status.clockSkew = skew.median?.inSeconds
        if let coverage = context?.coverage { status.coverage.merge(coverage) { $1 } }
        // An earlier version stored one coverage for all keys.
        if context?.coverage.isEmpty == false { status.coverage[""] = nil }
        status.coverage = status.coverage.filter { !$0.value.spans.isEmpty }
        log.unexpected(context?.remarks ?? [], clockSkew: skew.excess)
        let delay = await finish(
            started, elapsed: ContinuousClock.now - steady, failure: failure, hasSpent: context?.hasSpent ?? false)
        await show(context?.change ?? LedgerChange())
        return delay
    }

    /// Ends a reading, and completes the history if it may be completed.
    ///
    /// - Parameter days: requested days that need not be read again.
    private func finishReading(_ context: LedgerSyncContext, of days: ClosedRange<UTCDay>?) async throws {
        if let days, requested == days { requested = nil }
        guard !isHistoryComplete, context.mayComplete, !context.hasCompletedHistory else { return }
        context.collect(try await ledger.completeHistory(of: stored.id, now: clock.now))
        isHistoryComplete = true
    }

    /// Moves the ledger's start with the clock until something was served, because the clock may have been wrong before.
    private func proposeStart() async throws {
        let account = try await ledger.moveStart(
            of: stored.account, to: start.proposed(now: clock.now), tolerance: start.tolerance)
        guard account.ledgerStart != stored.ledgerStart else { return }
        stored = try await ledger.registerSource(name, of: stored.account)
        try await accountRenderer.showLedgerStart(account.ledgerStart)
    }

    /// Folds slices that the provider can no longer be queried for, once a day.
    private func foldOldSlices() async throws {
        let now = clock.now
        guard isHistoryComplete, skew.isTrusted(at: now), foldedOn != now.day else { return }
        let slicing = source.slicing ?? Slicing(unit: .day)
        let kept = max(
            min(slicing.kept ?? UsageLedger.keptWithoutWord, retention), RereadSchedule(slicing).shortestKept)
        try await ledger.fold(stored.id, before: (now - kept).day.start)
        foldedOn = now.day
    }

    /// Stores the outcome of a sync before it is served. A sync whose outcome cannot be stored has failed.
    ///
    /// - Parameter hasSpent: whether it sent a request that counts against the source's quota.
    private func finish(
        _ started: Timestamp, elapsed: Duration, failure: (any ReasonedFailure)?, hasSpent: Bool
    ) async -> Duration {
        let before = status
        var failure = failure
        var delay = conclude(started, elapsed: elapsed, failure: failure)
        do {
            if let quota = source.quota {
                let book = try await ledger.quotaBook(of: stored.id, now: clock.now)
                status.quota = quota.state(book: book, now: clock.now)
                // An interval longer than the pace skips ticks.
                let earliest = clock.now + max(.zero, schedule.interval - quota.pace - Quota.margin)
                if failure == nil || hasSpent,
                    let tick = quota.nextRegular(book: book, now: failure == nil ? earliest : clock.now)
                {
                    // Retries keep to the pace too: an outage must not use the allowance up. A sync that failed before it
                    // sent a request, because the storage did, uses nothing up.
                    delay = max(failure == nil ? .zero : delay, tick - clock.now)
                    status.next = clock.now + delay
                }
            }
            if isHistoryComplete, let plan = try await plan() {
                status.dataThrough = plan.dataThrough
                status.coverage = ["": plan.coverage]
            } else if source.countsOnReading, let through = status.coverage.values.compactMap(\.end).min() {
                status.dataThrough = through
            } else if source.slicing == nil, failure == nil {
                status.dataThrough = started
            }
            try await foldOldSlices()
            try await storeStatus()
        } catch {
            if failure == nil {
                status = before
                let refused = SourceFailure(.storage, "the sync's result could not be stored: \(error)")
                delay = conclude(started, elapsed: elapsed, failure: refused)
                failure = refused
            } else if failure?.reason != .storage {
                log.storageFailed("the sync's result could not be stored", error, at: clock.now)
            }
        }
        log.synced(failure, elapsed: elapsed, next: delay, at: clock.now)
        return delay
    }

    /// Updates the status with the outcome of a sync.
    ///
    /// - Returns: the time until the next sync.
    private func conclude(_ started: Timestamp, elapsed: Duration, failure: (any ReasonedFailure)?) -> Duration {
        status.isUp = failure == nil
        status.duration = elapsed.inSeconds
        status.results[failure?.reason.rawValue ?? "success", default: 0] += 1
        // A part that fails does not slow down the others.
        status.count(failureIsLasting: failure is PartialFailure ? nil : failure?.isLasting)
        // The provider's text may contain a key, and the status page shows it.
        status.lastError = (failure?.message).map(redaction.redacted)
        status.upstream = observer.current
        if failure == nil { status.lastSuccess = started }
        if failure == nil || failure is PartialFailure { status.lastReading = started }
        let delay = schedule.delay(
            after: failure is PartialFailure ? nil : failure?.reason, isLasting: failure?.isLasting ?? false,
            failuresInRow: status.failuresInRow,
            retryAfter: failure?.retryAfter, unit: random.unit())
        // Some seconds after midnight, spread over the accounts.
        let toMidnight = clock.now.day.advanced(by: 1).start + .seconds(1) + .seconds(5) * random.unit() - clock.now
        // A running total is read at midnight, so that usage before it is counted on its day.
        let wait = source.countsOnReading && failure == nil ? min(delay, toMidnight) : delay
        status.next = clock.now + wait
        let wish = schedule.wish(failure?.retryAfter)
        status.hold = failure.flatMap {
            SyncHold(after: $0, at: clock.now, delay: delay, wish: wish, access: usedAccess)
        }
        // A failure of the storage does not concern the provider.
        backsOff = failure.map { $0.reason != .storage && (!($0 is PartialFailure) || wish != nil) } ?? false
        return wait
    }

    /// Postpones a sync because the provider's allowance is used up: the outcome of the last one stays.
    private func postpone(until: Timestamp, from before: SyncStatus, _ change: LedgerChange) async -> Duration {
        status = before
        let delay = max(.zero, until - clock.now) + Quota.margin
        status.next = clock.now + delay
        do {
            let book = try await ledger.quotaBook(of: stored.id, now: clock.now)
            status.quota = source.quota?.state(book: book, now: clock.now)
            try await storeStatus()
        } catch {
            log.storageFailed("the sync's result could not be stored", error, at: clock.now)
        }
        log.postponed(until: until)
        await show(change)
        return delay
    }

    private func storeStatus() async throws {
        let json = try JSONEncoder().encode(status)
        try await ledger.saveStatus(String(decoding: json, as: UTF8.self), of: stored.id)
        storedStatus = status
    }

    private func show(_ change: LedgerChange) async {
        do {
            var shown = status
            shown.results = storedStatus.results
            shown.upstream = storedStatus.upstream
            try await accountRenderer.show(change, shown, of: stored)
        } catch {
            await accountRenderer.showAllLater()
            log.storageFailed("the synced figures could not be rendered", error, at: clock.now)
        }
        await renderer.publish()
    }
}
