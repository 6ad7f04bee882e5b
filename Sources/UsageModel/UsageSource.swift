/// Reads one upstream endpoint of one account and converts its responses into slices of cells and gauges.
///
/// A source does not decide when it runs and keeps no state between syncs besides its commits. The caller measures
/// success, duration and freshness.
package protocol UsageSource: Sendable {
    /// The endpoint's name: the label `source`.
    var name: String { get }

    /// The shortest useful sync interval for this endpoint, unless the account's own `sync_interval` is shorter.
    var minimumInterval: Duration { get }

    /// How usage is divided into slices; nil if the source has only gauges or names its slices itself.
    var slicing: Slicing? { get }

    /// The provider's request quota for this endpoint; nil if it has none.
    var quota: Quota? { get }

    /// Whether usage counts on the day of its reading because the provider does not date it: calendar days are then known
    /// only from the first sync on.
    var countsOnReading: Bool { get }

    /// Whether the source reports cost, so that a budget is known only as far as the source was read.
    var reportsCost: Bool { get }

    /// The other views of cost that the source reports (`keyCost`, `keyCredits`, `modalityCost`), so that a budget by key or
    /// modality is known only as far as they were read.
    var costViews: Set<LedgerFamily> { get }

    /// Reads the due slices and gauges and commits them.
    ///
    /// - Throws: a `ReasonedFailure` if the upstream or its response is faulty: the sync failed, earlier commits stay
    ///   valid. `SyncPostponed` if the quota allows no request now.
    func sync(_ context: any SyncContext) async throws
}

/// The division of a source's usage into slices.
package struct Slicing: Sendable, Hashable {
    /// A slice's length.
    package enum Unit: Sendable, Hashable {
        /// A UTC hour.
        case hour
        /// A UTC day.
        case day
    }

    package let unit: Unit
    /// How long the provider keeps its data; nil if it does not document that.
    package let kept: Duration?
    /// How long after the end of a slice's UTC month the provider may still revise it; nil if its figures are final
    /// three days after the slice's end.
    package let revisedAfterMonth: Duration?

    package init(unit: Unit, kept: Duration? = nil, revisedAfterMonth: Duration? = nil) {
        self.unit = unit
        self.kept = kept
        self.revisedAfterMonth = revisedAfterMonth
    }
}

/// The inputs of one sync of a source, and the store for its results.
package protocol SyncContext: Sendable {
    var startedAt: Timestamp { get }

    var now: Timestamp { get }

    /// The start of this source's counters.
    var ledgerStart: Timestamp { get }

    /// Whether the source's history is incomplete: its commits are served only after it is complete.
    var isFirst: Bool { get }

    /// The slices to read now by the re-read schedule: the open one, then the others, newest first.
    var dueSlices: [DueSlice] { get }

    /// Slices that left the re-read schedule and whose cells are still stored, newest first.
    ///
    /// A source reads one of them again if a cheap query shows that the provider's totals for it have changed. The
    /// difference is counted once: an increase in the counters, a decrease as a correction.
    var reopenable: [DueSlice] { get }

    /// Returns the stored cells of a slice; empty once they are folded into the sums.
    func cells(of slice: SliceID) async throws -> [Cell]

    /// Returns the gauges that this source committed last.
    func gauges(_ family: GaugeFamily) async throws -> [GaugeSample]

    /// Returns the value that this source stored under a name.
    func memory(_ name: String) async throws -> String?

    /// Stores a reading durably, in one transaction.
    func commit(_ reading: Reading) async throws

    /// Logs an unexpected condition that did not fail the sync.
    ///
    /// - Parameter text: never contains a secret or a body.
    func remark(_ text: String)

    /// Records a request in the source's quota book, durably, before it is sent.
    ///
    /// - Throws: `SyncPostponed` if the quota allows no request now: it must not be sent.
    func spend(from quota: Quota) async throws
}

extension SyncContext {
    /// Does nothing: a context without a log drops remarks.
    package func remark(_ text: String) {}

    /// Empty: a context without a ledger has no slices to read again.
    package var reopenable: [DueSlice] { [] }
}

/// A slice to read by the re-read schedule.
package struct DueSlice: Sendable, Hashable {
    package let slice: SliceID
    /// When it was last read; nil if never.
    package let lastRead: Timestamp?
    /// Whether this reading is its last: the schedule's final offset has passed.
    package let settles: Bool

    package init(slice: SliceID, lastRead: Timestamp?, settles: Bool) {
        self.slice = slice
        self.lastRead = lastRead
        self.settles = settles
    }

    /// The UTC day in which the slice begins.
    package var day: UTCDay { slice.period.start.day }
}

/// A deprecation notice of an endpoint, from header fields or because the API has closed it.
package struct UpstreamNotice: Sendable, Hashable {
    /// Whether the endpoint is already deprecated, or gone.
    package let isDeprecated: Bool
    /// When the endpoint is, or was, shut down; nil if the API does not state it.
    package let sunset: Timestamp?

    package init(isDeprecated: Bool, sunset: Timestamp? = nil) {
        self.isDeprecated = isDeprecated
        self.sunset = sunset
    }
}
