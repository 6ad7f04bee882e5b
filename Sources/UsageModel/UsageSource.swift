/// One upstream endpoint of one account: what reads it and turns its answers into slices of cells and gauges.
///
/// A source decides nothing about when it runs, keeps nothing between syncs but what it commits, and knows nothing
/// of metrics text: success, duration and freshness are measured by whoever runs it.
package protocol UsageSource: Sendable {
    /// The endpoint's name: the label `source`.
    var name: String { get }

    /// The shortest time between two syncs that makes sense for this endpoint, unless the account's own
    /// `sync_interval` asks for less.
    var minimumInterval: Duration { get }

    /// How this source's usage is cut into slices; nil where it has none (gauges alone) or names its slices itself.
    var slicing: Slicing? { get }

    /// The provider's allowance for readers of this endpoint; nil where it names none.
    var quota: Quota? { get }

    /// Whether its usage counts on the day on which it was read, since the provider does not say when it was: calendar
    /// days are then known only from the first sync on.
    var countsOnReading: Bool { get }

    /// Whether the source reports money spent, so that a budget is known only as far as the source was read.
    var reportsCost: Bool { get }

    /// Reads what is due and commits it.
    ///
    /// - Throws: a `ReasonedFailure` where the upstream or its answer was not good; the sync then failed, and what was
    ///   committed before stays true. `SyncPostponed` where the allowance has no place for a request now.
    func sync(_ context: any SyncContext) async throws
}

/// How a source's usage is cut into slices.
package struct Slicing: Sendable, Hashable {
    /// A slice's length.
    package enum Unit: Sendable, Hashable {
        /// A UTC hour.
        case hour
        /// A UTC day.
        case day
    }

    /// A slice's length.
    package let unit: Unit
    /// How far back the provider keeps its data; nil where it says nothing.
    package let kept: Duration?

    /// How a source's usage is cut.
    package init(unit: Unit, kept: Duration? = nil) {
        self.unit = unit
        self.kept = kept
    }
}

/// One run of a source: what it is asked for, and where it puts what it found.
package protocol SyncContext: Sendable {
    /// When this sync began.
    var startedAt: Timestamp { get }

    /// The present moment.
    var now: Timestamp { get }

    /// Where this source's counters begin.
    var ledgerStart: Timestamp { get }

    /// Whether the source's history is not complete yet: nothing it commits is served before it is.
    var isFirst: Bool { get }

    /// The slices to read now by the re-read ladder: the open one first, then the others, newest first.
    var dueSlices: [DueSlice] { get }

    /// Slices that left the re-read schedule and whose cells are still kept, newest first.
    ///
    /// A source reads one of them again where a cheap query shows that the provider's figures for it have changed. The
    /// difference is counted once: upward in the counters, downward as a correction.
    var reopenable: [DueSlice] { get }

    /// The cells that the ledger holds for a slice; empty once they are folded into the sums.
    func cells(of slice: SliceID) async throws -> [Cell]

    /// The gauges that this source committed last.
    func gauges(_ family: GaugeFamily) async throws -> [GaugeSample]

    /// What this source remembered under a name.
    func memory(_ name: String) async throws -> String?

    /// Takes note of what the API said about the endpoint's future; what was said last counts.
    func notice(_ notice: UpstreamNotice)

    /// Stores a reading durably, in one transaction.
    func commit(_ reading: Reading) async throws

    /// Tells people of something odd that the sync came through all the same: it goes to the log.
    ///
    /// - Parameter text: plain words; never a secret, never a body.
    func remark(_ text: String)

    /// Writes a request that is about to leave into the source's book, durably.
    ///
    /// - Throws: `SyncPostponed` where the allowance has no place for it now: the request must not leave.
    func spend(from quota: Quota) async throws
}

extension SyncContext {
    /// A context without a log drops remarks.
    package func remark(_ text: String) {}

    /// A context without a ledger has no slices to read again.
    package var reopenable: [DueSlice] { [] }
}

/// A slice that the re-read ladder asks for.
package struct DueSlice: Sendable, Hashable {
    /// Which slice.
    package let slice: SliceID
    /// When it was read last; nil for one that is missing.
    package let lastRead: Timestamp?
    /// Whether this reading is its last: the ladder's final rung has passed.
    package let settles: Bool

    /// A slice that is due.
    package init(slice: SliceID, lastRead: Timestamp?, settles: Bool) {
        self.slice = slice
        self.lastRead = lastRead
        self.settles = settles
    }
}

/// Why a source could not be read.
package struct SourceFailure: ReasonedFailure, CustomStringConvertible {
    /// The reason, as `genai_syncs_total` counts it.
    package let reason: FailureReason
    /// What was wrong and what would be right, in plain words; never a secret, never a body.
    package let message: String

    /// A failure.
    package init(_ reason: FailureReason, _ message: String) {
        self.reason = reason
        self.message = message
    }

    /// The message.
    package var description: String { message }
}

/// What an API says about an endpoint's future, in header fields or by having closed it.
package struct UpstreamNotice: Sendable, Hashable {
    /// Whether the endpoint is deprecated by now, or gone.
    package let isDeprecated: Bool
    /// When it stops, or stopped, to answer; nil where the API says nothing.
    package let sunset: Timestamp?

    /// What is known of an endpoint's future.
    package init(isDeprecated: Bool, sunset: Timestamp? = nil) {
        self.isDeprecated = isDeprecated
        self.sunset = sunset
    }
}

extension SyncContext {
    /// Visits outside the exporter need not keep notices.
    package func notice(_ notice: UpstreamNotice) {}
}
