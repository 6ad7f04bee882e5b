import ConfigReading
import Logging
import NIOConcurrencyHelpers
import UsageModel

/// Logs the syncs of one source: a change of state once, then a reminder while a failure lasts.
struct SyncLog {
    private let logger: Logger
    private let redaction: LogRedaction
    private let storageErrors: StorageErrors
    private var failures = FailureLog()
    /// Unexpected responses are logged when they begin, not at every sync.
    private var loggedRemarks: [String] = []
    private var hasWarnedOfClock = false

    init(logger: Logger, redaction: LogRedaction, storageErrors: StorageErrors) {
        self.logger = logger
        self.redaction = redaction
        self.storageErrors = storageErrors
    }

    /// Logs how a sync ended; an ordinary success only at the level debug.
    mutating func synced(_ failure: (any ReasonedFailure)?, elapsed: Duration, next: Duration, at now: Timestamp) {
        var metadata: Logger.Metadata = [
            "duration": "\(Int(saturating: elapsed.inSeconds * 1000))ms", "next": "\(Int(saturating: next.inSeconds))s",
        ]
        if let failure {
            if failure.reason == .storage { storageErrors.add() }
            failures.fail(at: now)
            let isDue = failures.isDue(failure.reason.rawValue, at: now)
            metadata["reason"] = "\(failure.reason.rawValue)"
            metadata["error"] = "\(redaction.redacted(failure.message))"
            if failures.count > 1 { metadata["failures"] = "\(failures.count)" }
            logger.log(level: isDue ? .warning : .debug, "sync failed", metadata: metadata)
        } else if let ended = failures.recover() {
            metadata["failures"] = "\(ended.count)"
            metadata["since"] = "\(ended.since)"
            logger.info("sync succeeds again", metadata: metadata)
        } else {
            logger.debug("synced", metadata: metadata)
        }
    }

    /// Logs that the source waits after a restart because its last sync failed.
    func firstSyncPostponed(_ wait: Duration, lastError: String?) {
        logger.info(
            "first sync postponed: the source failed before the restart",
            metadata: ["next": "\(Int(saturating: wait.inSeconds))s", "error": "\(lastError ?? "none")"])
    }

    /// Logs that the provider's allowance is used up.
    func postponed(until: Timestamp) {
        logger.debug("sync postponed: the provider's allowance is used up", metadata: ["until": "\(until)"])
    }

    /// Logs and counts a failure of the ledger's storage outside a sync.
    mutating func storageFailed(_ event: Logger.Message, _ error: any Error, at now: Timestamp) {
        // Stopping the process interrupts the ledger's statements: that is not a failure of the storage.
        guard !Task.isCancelled else { return }
        storageErrors.add()
        guard failures.isDue("\(event)", at: now) else { return }
        logger.error(event, metadata: ["error": "\(error)"])
    }

    /// Logs unexpected responses and a clock that differs from the provider's.
    ///
    /// - Parameter clockSkew: this clock minus the provider's; nil while the two agree.
    mutating func unexpected(_ remarks: [String], clockSkew: Duration?) {
        for remark in remarks where !loggedRemarks.contains(remark) {
            logger.warning("unexpected response", metadata: ["remark": "\(redaction.redacted(remark))"])
        }
        loggedRemarks = remarks
        guard let clockSkew else {
            hasWarnedOfClock = false
            return
        }
        guard !hasWarnedOfClock else { return }
        hasWarnedOfClock = true
        logger.warning(
            "clock differs from the provider's: until they agree, nothing is final, and a first sync is not served",
            metadata: ["skew": "\(Int(saturating: clockSkew.inSeconds))s"])
    }
}

/// Decides which failures of one source are logged: each reason when it begins, then a reminder while it lasts.
struct FailureLog {
    /// The time between two log lines for the same reason.
    static let reminder = Duration.hours(1)

    /// Number of consecutive failing syncs.
    private(set) var count = 0
    /// When the first of them failed.
    private(set) var since: Timestamp?
    private var logged: [String: Timestamp] = [:]

    /// Counts a failing sync.
    mutating func fail(at now: Timestamp) {
        since = since ?? now
        count += 1
    }

    /// Returns whether to log a failure of this kind, and counts it as logged then.
    mutating func isDue(_ kind: String, at now: Timestamp) -> Bool {
        // A clock that was set back must not silence the log.
        if let last = logged[kind], last <= now, now < last + Self.reminder { return false }
        logged[kind] = now
        return true
    }

    /// Ends the failures of the syncs, so that the next one is logged.
    ///
    /// - Returns: their number and when they began; nil if there were none.
    mutating func recover() -> (count: Int, since: Timestamp)? {
        defer { self = FailureLog() }
        return since.map { (count, $0) }
    }
}

/// Counts the failures of the ledger's storage since the exporter started: `genai_exporter_storage_errors_total`.
package final class StorageErrors: Sendable {
    private let value = NIOLockedValueBox(0)

    package init() {}

    package var count: Int { value.withLockedValue { $0 } }

    func add() {
        value.withLockedValue { $0 += 1 }
    }
}
