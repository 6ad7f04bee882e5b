import Foundation
import Logging
import UsageLedger
import UsageModel
import Upstream

/// Runs one source: measures every sync alike, stores how it went, and shows what it found.
///
/// Duration, success and freshness come from here, never from a source.
actor SourceRunner {
    /// The source's name.
    nonisolated let name: String
    /// Whether usage comes from it, and not gauges alone.
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
    private let schedule: SyncSchedule
    private let clock: any WallClock
    private let random: any RandomSource
    private let logger: Logger
    private let storageErrors: StorageErrors
    private let redaction: LogRedaction
    private let wakeUp = AsyncEvent()
    private var isHistoryComplete: Bool
    /// Days that an operator wants read again, until a sync has read them.
    private(set) var requested: ClosedRange<UTCDay>?
    /// Syncs that could read them in part only.
    private var partialReadings = 0
    /// A day that stays unreadable is left to the schedule after as many.
    private static let mostPartialReadings = 5
    /// The shortest time between two tries that reloads lead to: providers lock out clients that repeat a wrong key.
    private static let shortestRetry = Duration.seconds(30)
    /// The day on which old slices were folded last.
    private var foldedOn: UTCDay?
    /// What was logged last of the provider's oddities: each is logged when it begins, not at every sync.
    private var loggedRemarks: [String] = []
    private var hasWarnedOfClock = false
    /// Whether requests to the provider wait after the last sync's failure.
    private var backsOff: Bool
    /// An operator may have fixed the cause of a failure since the last sync began.
    private var wantsRetry = false
    private var failureLog = FailureLog()
    /// What the source is queried with, as a hash: a hold is for this. Key files may change at any time.
    private let access: @Sendable () -> String
    /// The same when the last sync began.
    private var usedAccess = ""
    private(set) var status: SyncStatus
    /// The status as it was last stored: its counters are what may be shown.
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
        self.storageErrors = storageErrors
        self.redaction = redaction
        self.logger = logger
        backsOff = status.hold != nil
        isHistoryComplete = stored.isHistoryComplete
        observer.restore(status.upstream)
    }

    /// Syncs at once, then on the schedule or when told by `syncSoon` or `retry`, until the task is cancelled.
    ///
    /// A source that failed before a restart and is to be left alone waits first, and counts as tried.
    ///
    /// - Parameter tried: called after the first try.
    func run(tried: @Sendable () -> Void) async throws {
        var isFirst = true
        let held = heldFor
        if held > .zero {
            isFirst = false
            tried()
            logPostponement(held)
            try await rest(held)
        }
        while !Task.isCancelled {
            // Whatever was requested before it is served by it.
            wakeUp.clear()
            wantsRetry = false
            let delay = try await sync()
            if isFirst {
                isFirst = false
                tried()
            }
            // What was requested while the sync ran keeps to the back-off too.
            if isBackingOff, !wantsRetry { wakeUp.clear() }
            try await rest(delay)
        }
    }

    /// Syncs the source now, or as soon as the current sync is over. An allowance that is used up still holds.
    ///
    /// - Returns: false while the source waits out the back-off after a failure: it is then synced at its end.
    @discardableResult func syncSoon() -> Bool {
        guard !isBackingOff else { return false }
        wakeUp.set()
        return true
    }

    /// Ends the back-off after a failure whose cause the operator may have fixed: the next try comes now, or a moment
    /// after the last one.
    func retry() {
        guard status.isUp == false else { return }
        wantsRetry = true
        wakeUp.set()
    }

    private var isBackingOff: Bool {
        backsOff && status.next.map { clock.now < $0 } ?? false
    }

    /// Has the slices of these days read again at the next sync, which comes now.
    ///
    /// - Returns: whether one of them can be read: it is in the ledger's time, its cells are kept, and the provider can be
    ///   asked by date.
    func read(_ days: ClosedRange<UTCDay>) async throws -> Bool {
        guard let plan = try await plan(), !plan.due(only: days).isEmpty else { return false }
        requested = requested.map { min($0.lowerBound, days.lowerBound)...max($0.upperBound, days.upperBound) } ?? days
        partialReadings = 0
        syncSoon()
        return true
    }

    /// Reads the days that another runner of the same source was still to read.
    func takeRequest(of other: SourceRunner) async {
        requested = await other.requested
    }

    private func plan() async throws -> SlicePlan? {
        guard let slicing = source.slicing else { return nil }
        return SlicePlan(
            states: try await ledger.states(of: stored.id), slicing: slicing, ledgerStart: stored.ledgerStart,
            now: clock.now)
    }

    /// How long the source is still left alone after a failure before this run.
    private var heldFor: Duration {
        status.hold?.wait(at: clock.now, access: access(), longest: schedule.longestWait) ?? .zero
    }

    /// Whether the provider wants the source left alone now (`Retry-After`).
    private var isHeldByProvider: Bool {
        status.hold?.isProvidersWish == true && heldFor > .zero
    }

    private func logPostponement(_ held: Duration) {
        logger.info(
            "first sync postponed: the source failed before the restart",
            metadata: ["next": "\(Int(held.inSeconds))s", "error": "\(status.lastError ?? "none")"])
    }

    private func rest(_ delay: Duration) async throws {
        guard try await isWoken(within: delay) else { return }
        // What ends a pause early does not shorten what the provider asked for.
        if isHeldByProvider {
            try await clock.sleep(for: min(heldFor, delay))
        } else if wantsRetry, let last = status.lastAttempt {
            let left = Self.shortestRetry - (clock.now - last)
            if left > .zero { try await clock.sleep(for: min(left, Self.shortestRetry, delay)) }
        }
    }

    /// Pauses until something is requested, or for the whole time.
    private func isWoken(within delay: Duration) async throws -> Bool {
        let isWoken = try await withThrowingTaskGroup(of: Bool.self) { [clock, wakeUp] group in
            group.addTask {
                try await clock.sleep(for: delay)
                return false
            }
            group.addTask {
                await wakeUp.wait()
                return true
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
        try Task.checkCancellation()
        return isWoken
    }

    /// Syncs once, unless the provider wants the source left alone, and returns whether it succeeded.
    func syncOnce() async throws -> Bool {
        if isHeldByProvider {
            logPostponement(heldFor)
            return false
        }
        _ = try await sync()
        return status.isUp == true
    }

    /// Syncs once and answers how long to wait until the next time.
    ///
    /// - Throws: `CancellationError` alone: every other failure is stored, shown and logged.
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
                // What is left unread is not waited for: it is late data once it can be read.
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
            // What is left is the ledger's own trouble: sources and the upstream give their reasons.
            failure = SourceFailure(.storage, "the ledger: \(error)")
        }
        // A stop interrupts the ledger's statements as well: that is no failure of the source.
        try Task.checkCancellation()
        if let notice = context?.lastNotice {
            status.isDeprecated = notice.isDeprecated
            status.sunset = notice.sunset
        }
        isHistoryComplete = isHistoryComplete || context?.hasCompletedHistory == true
        status.clockSkew = skew.median?.inSeconds
        if let coverage = context?.coverage { status.coverage.merge(coverage) { $1 } }
        // What an earlier version knew of all keys as one is known by key now.
        if context?.coverage.isEmpty == false { status.coverage[""] = nil }
        status.coverage = status.coverage.filter { !$0.value.spans.isEmpty }
        logOddities(context?.remarks ?? [])
        let delay = await finish(started, elapsed: ContinuousClock.now - steady, failure: failure)
        await show(context?.change ?? LedgerChange())
        return delay
    }

    /// - Parameter days: requested days that need not be read again.
    private func finishReading(_ context: LedgerSyncContext, of days: ClosedRange<UTCDay>?) async throws {
        if let days, requested == days { requested = nil }
        guard !isHistoryComplete, context.mayComplete, !context.hasCompletedHistory else { return }
        context.collect(try await ledger.completeHistory(of: stored.id, now: clock.now))
        isHistoryComplete = true
    }

    /// Until something was served the ledger's start follows the clock, which may have been wrong before.
    private func proposeStart() async throws {
        let account = try await ledger.moveStart(
            of: stored.account, to: start.proposed(now: clock.now), tolerance: start.tolerance)
        guard account.ledgerStart != stored.ledgerStart else { return }
        stored = try await ledger.registerSource(name, of: stored.account)
        try await accountRenderer.showLedgerStart(account.ledgerStart)
    }

    private func logOddities(_ remarks: [String]) {
        for remark in remarks where !loggedRemarks.contains(remark) {
            logger.warning("unexpected response", metadata: ["remark": "\(redaction.redacted(remark))"])
        }
        loggedRemarks = remarks
        guard let excess = skew.excess else {
            hasWarnedOfClock = false
            return
        }
        guard !hasWarnedOfClock else { return }
        hasWarnedOfClock = true
        logger.warning(
            "this machine's clock differs from the provider's: nothing is final, and a first sync is not served, until they agree",
            metadata: ["skew": "\(Int(saturating: excess.inSeconds))s"])
    }

    /// Folds what the provider can no longer be asked about, once a day.
    private func foldOldSlices() async throws {
        let now = clock.now
        guard isHistoryComplete, skew.isTrusted(at: now), foldedOn != now.day else { return }
        let kept = min(source.slicing?.kept ?? UsageLedger.keptWithoutWord, retention)
        try await ledger.fold(stored.id, before: (now - max(kept, RereadSchedule.shortestKept)).day.start)
        foldedOn = now.day
    }

    /// Writes down how the sync went; the figures are shown only once they are stored. A sync whose result cannot be
    /// stored has failed, whatever it brought.
    private func finish(_ started: Timestamp, elapsed: Duration, failure: (any ReasonedFailure)?) async -> Duration {
        let before = status
        var failure = failure
        var delay = conclude(started, elapsed: elapsed, failure: failure)
        do {
            if let quota = source.quota {
                let book = try await ledger.quotaBook(of: stored.id, now: clock.now)
                status.quota = quota.state(book: book, now: clock.now)
                // An interval that is longer than the pace leaves ticks out.
                let earliest = clock.now + max(.zero, schedule.interval - quota.pace - Quota.margin)
                if let tick = quota.nextRegular(book: book, now: failure == nil ? earliest : clock.now) {
                    // Repeats after a failure keep to the pace too: an outage must not use the allowance up.
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
                storageFailed("the sync's result could not be stored", error)
            }
        }
        log(failure, elapsed: elapsed, next: delay)
        return delay
    }

    /// Takes down how the sync went, and answers how long to wait until the next.
    private func conclude(_ started: Timestamp, elapsed: Duration, failure: (any ReasonedFailure)?) -> Duration {
        status.isUp = failure == nil
        status.duration = elapsed.inSeconds
        status.results[failure?.reason.rawValue ?? "success", default: 0] += 1
        // A part that fails leaves the others as they are: nothing is in a row.
        status.count(failureIsLasting: failure is PartialFailure ? nil : failure?.isLasting)
        // A provider's own words may hold any key that it was ever shown, and the page shows them.
        status.lastError = (failure?.message).map(redaction.redacted)
        status.upstream = observer.current
        if failure == nil { status.lastSuccess = started }
        let delay = schedule.delay(
            after: failure is PartialFailure ? nil : failure?.reason, isLasting: failure?.isLasting ?? false,
            failuresInRow: status.failuresInRow,
            retryAfter: failure?.retryAfter, unit: random.unit())
        // Some seconds after it, not all accounts at once.
        let toMidnight = clock.now.day.advanced(by: 1).start + .seconds(1) + .seconds(5) * random.unit() - clock.now
        // A running figure is read at midnight, so that what was used before it is counted on its day.
        let wait = source.countsOnReading && failure == nil ? min(delay, toMidnight) : delay
        status.next = clock.now + wait
        let wish = schedule.wish(failure?.retryAfter)
        status.hold = failure.flatMap {
            SyncHold(after: $0, at: clock.now, delay: delay, wish: wish, access: usedAccess)
        }
        // Of the storage's failures the provider knows nothing.
        backsOff = failure.map { $0.reason != .storage && (!($0 is PartialFailure) || wish != nil) } ?? false
        return wait
    }

    /// Puts a sync off that the provider's allowance has no place for: how the last one went stays as it was.
    private func postpone(until: Timestamp, from before: SyncStatus, _ change: LedgerChange) async -> Duration {
        status = before
        let delay = max(.zero, until - clock.now) + Quota.margin
        status.next = clock.now + delay
        do {
            let book = try await ledger.quotaBook(of: stored.id, now: clock.now)
            status.quota = source.quota?.state(book: book, now: clock.now)
            try await storeStatus()
        } catch {
            storageFailed("the sync's result could not be stored", error)
        }
        logger.debug("sync put off: the provider's allowance is used up", metadata: ["until": "\(until)"])
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
            try await accountRenderer.show(change, from: stored)
            var shown = status
            shown.results = storedStatus.results
            shown.upstream = storedStatus.upstream
            try await accountRenderer.show(shown, of: stored)
        } catch {
            await accountRenderer.showAllLater()
            storageFailed("what was synced could not be shown", error)
        }
        await renderer.publish()
    }

    private func storageFailed(_ what: Logger.Message, _ error: any Error) {
        // A stop interrupts the ledger's statements: that is no failure of the storage.
        guard !Task.isCancelled else { return }
        storageErrors.add()
        guard failureLog.isDue("\(what)", at: clock.now) else { return }
        logger.error(what, metadata: ["error": "\(error)"])
    }

    private func log(_ failure: (any ReasonedFailure)?, elapsed: Duration, next: Duration) {
        let timing: Logger.Metadata = [
            "duration": "\(Int(saturating: elapsed.inSeconds * 1000))ms", "next": "\(Int(saturating: next.inSeconds))s",
        ]
        if let failure {
            if failure.reason == .storage { storageErrors.add() }
            failureLog.fail(at: clock.now)
            let isNews = failureLog.isDue(failure.reason.rawValue, at: clock.now)
            var metadata = timing
            metadata["reason"] = "\(failure.reason.rawValue)"
            metadata["error"] = "\(redaction.redacted(failure.message))"
            if failureLog.count > 1 { metadata["failures"] = "\(failureLog.count)" }
            logger.log(level: isNews ? .warning : .debug, "sync failed", metadata: metadata)
        } else if let failures = failureLog.recover() {
            var metadata = timing
            metadata["failures"] = "\(failures.count)"
            metadata["since"] = "\(failures.since)"
            logger.info("sync succeeds again", metadata: metadata)
        } else {
            logger.debug("synced", metadata: timing)
        }
    }
}
