import NIOConcurrencyHelpers
import UsageModel

/// Which failures of one source are logged: each reason when it begins, then a reminder while it lasts. A pure value.
struct FailureLog {
    /// The time between two log lines for the same reason.
    static let reminder = Duration.hours(1)

    /// Failing syncs without a success between them.
    private(set) var count = 0
    /// When the first of them ended.
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
    /// - Returns: how many there were and when they began; nil where there were none.
    mutating func recover() -> (count: Int, since: Timestamp)? {
        defer { self = FailureLog() }
        return since.map { (count, $0) }
    }
}

/// Counts the failures of the ledger's storage since the exporter started: `genai_exporter_storage_errors_total`.
package final class StorageErrors: Sendable {
    private let value = NIOLockedValueBox(0)

    /// None yet.
    package init() {}

    /// Failures so far.
    package var count: Int { value.withLockedValue { $0 } }

    func add() {
        value.withLockedValue { $0 += 1 }
    }
}
