import UsageModel

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
