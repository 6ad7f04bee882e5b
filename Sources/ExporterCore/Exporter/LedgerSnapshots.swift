import Logging
import UsageLedger
import UsageModel

/// Writes snapshots of the ledger as the config's section `snapshot` says, and deletes the oldest.
actor LedgerSnapshots {
    /// The time between two looks at the schedule.
    static let interval = Duration.seconds(5)

    private let ledger: UsageLedger
    private let renderer: MetricsRenderer
    private let rendering: ExporterRendering
    private let shard: Shard
    private let clock: any WallClock
    private let logger: Logger
    /// Nil if no snapshots are configured.
    private var configuration: SnapshotConfiguration?
    /// Nil until the folder was read.
    private var schedule: SnapshotSchedule?
    private var counts = SnapshotCounts()
    /// The problem that was logged last; nil while there is none.
    private var problem: String?

    init(
        _ configuration: SnapshotConfiguration?, of ledger: UsageLedger, renderer: MetricsRenderer,
        rendering: ExporterRendering, shard: Shard, clock: any WallClock, logger: Logger
    ) {
        self.configuration = configuration
        self.ledger = ledger
        self.renderer = renderer
        self.rendering = rendering
        self.shard = shard
        self.clock = clock
        self.logger = logger
    }

    /// Renders the families before the first snapshot.
    func begin() async throws {
        try await renderer.apply(rendering.snapshots(every: configuration?.every, newest: nil, counts: counts))
    }

    /// Applies the section of a new config. A snapshot that failed is tried again, because the operator may have fixed the
    /// cause.
    func apply(_ newest: SnapshotConfiguration?) async {
        if newest == configuration {
            schedule?.forgetFailures()
            return
        }
        configuration = newest
        schedule = nil
        problem = nil
        await show()
    }

    /// Writes snapshots when they are due, until cancelled.
    func run() async throws {
        while !Task.isCancelled {
            await writeIfDue()
            try await clock.sleep(for: Self.interval)
        }
    }

    /// Writes a snapshot if one is due. A failure is logged and counted, and deletes nothing.
    func writeIfDue() async {
        guard let configuration else { return }
        let folder = SnapshotFolder(configuration.path, shard: shard)
        if schedule == nil { await readSchedule(configuration, folder) }
        guard let schedule, self.configuration == configuration, schedule.isDue(at: clock.now) else { return }
        // As in the file's name, so that it is the same after a restart.
        let time = clock.now.wholeSecond
        do {
            try await folder.prepare()
            _ = try await ledger.snapshot(to: folder.file(of: time))
        } catch {
            await failed(error, configuration)
            return
        }
        await succeeded(time, configuration, folder)
    }

    /// Finds the newest snapshot of earlier runs.
    private func readSchedule(_ configuration: SnapshotConfiguration, _ folder: SnapshotFolder) async {
        var read = SnapshotSchedule(every: configuration.every)
        do {
            read.resume(after: try await folder.snapshots(), at: clock.now)
        } catch {
            // Writing a snapshot reports the same problem. It is due, because no earlier one is known.
            logger.debug("earlier ledger snapshots cannot be found", metadata: ["error": "\(error)"])
        }
        // A reload meanwhile has replaced the section.
        guard self.configuration == configuration else { return }
        schedule = read
        await show()
    }

    private func failed(_ error: any Error, _ configuration: SnapshotConfiguration) async {
        // A shutdown interrupts the copy.
        if error is CancellationError || Task.isCancelled { return }
        counts.failures += 1
        if self.configuration == configuration { schedule?.failed(at: clock.now) }
        report("the ledger snapshot failed and will be retried; earlier ones are kept", error)
        await show()
    }

    private func succeeded(_ time: Timestamp, _ configuration: SnapshotConfiguration, _ folder: SnapshotFolder) async {
        counts.successes += 1
        logger.info("ledger snapshot written", metadata: ["file": "\(folder.file(of: time))"])
        if self.configuration == configuration {
            schedule?.succeeded(at: time)
            await deleteOutdated(time, configuration, folder)
        }
        await show()
    }

    private func deleteOutdated(_ time: Timestamp, _ configuration: SnapshotConfiguration, _ folder: SnapshotFolder)
        async
    {
        guard let schedule else { return }
        do {
            let all = try await folder.snapshots()
            for old in schedule.outdated(all, keep: configuration.keep, written: time, at: clock.now) {
                try await folder.remove(old)
            }
            if problem != nil { logger.notice("ledger snapshots succeed again") }
            problem = nil
        } catch {
            report("a ledger snapshot was written, but older ones are not deleted", error)
        }
    }

    /// Logs a problem as an error unless it was the last one logged.
    private func report(_ event: Logger.Message, _ error: any Error) {
        let text = "\(error)"
        logger.log(level: text == problem ? .debug : .error, event, metadata: ["error": "\(text)"])
        problem = text
    }

    private func show() async {
        do {
            try await renderer.apply(
                rendering.snapshots(
                    every: configuration?.every, newest: schedule?.newest(at: clock.now), counts: counts))
        } catch {
            logger.error("the state of ledger snapshots could not be rendered", metadata: ["error": "\(error)"])
        }
        await renderer.publish()
    }
}

/// Numbers of ledger snapshots since the exporter started.
struct SnapshotCounts: Sendable {
    var successes = 0
    var failures = 0
}

/// When the next snapshot of the ledger is due: an interval after the newest one, earlier after a failure.
struct SnapshotSchedule: Sendable {
    /// The time between two snapshots.
    let every: Duration
    /// The time of the newest snapshot; nil if there is none.
    private var newest: Timestamp?
    private var failures = 0
    private var failedAt: Timestamp?

    init(every: Duration) {
        self.every = every
    }

    /// Whether a snapshot counts as an earlier one. One dated more than an interval ahead was written while the clock was
    /// wrong, or the clock is wrong now: it neither delays snapshots nor counts among those that are kept.
    func counts(_ time: Timestamp, at now: Timestamp) -> Bool { time <= now + every }

    /// Whether a snapshot is due.
    func isDue(at now: Timestamp) -> Bool {
        if let failedAt { return now >= failedAt + retryDelay || now < failedAt }
        return newest(at: now).map { now >= $0 + every } ?? true
    }

    /// Returns the time of the newest snapshot that counts.
    func newest(at now: Timestamp) -> Timestamp? {
        newest.flatMap { counts($0, at: now) ? $0 : nil }
    }

    /// The wait after the last failure: a minute, doubled by each further failure up to the interval and an hour.
    private var retryDelay: Duration {
        let longest = min(max(every, .minutes(1)), .hours(1))
        return min(.minutes(1) * (1 << min(failures - 1, 6)), longest)
    }

    /// Continues after snapshots of earlier runs.
    mutating func resume(after snapshots: [Timestamp], at now: Timestamp) {
        newest = snapshots.last { counts($0, at: now) }
    }

    mutating func succeeded(at time: Timestamp) {
        newest = time
        forgetFailures()
    }

    mutating func failed(at now: Timestamp) {
        failures += 1
        failedAt = now
    }

    /// Makes a snapshot that failed due again.
    mutating func forgetFailures() {
        failures = 0
        failedAt = nil
    }

    /// Returns the snapshots to delete so that the newest `keep` remain.
    ///
    /// - Parameters:
    ///   - snapshots: all, in order.
    ///   - written: the last written one, which is kept even if others are dated later.
    func outdated(_ snapshots: [Timestamp], keep: Int, written: Timestamp, at now: Timestamp) -> [Timestamp] {
        snapshots.filter { $0 != written && counts($0, at: now) }.dropLast(keep - 1)
    }
}
