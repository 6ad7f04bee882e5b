import NIOConcurrencyHelpers
import UsageLedger
import UsageModel

/// One sync of a source against the ledger.
final class LedgerSyncContext: SyncContext {
    let startedAt: Timestamp
    let ledgerStart: Timestamp
    let isFirst: Bool
    let dueSlices: [DueSlice]

    private let source: LedgerSource
    private let plan: SlicePlan?
    private let countsOnReading: Bool
    private let isStartGiven: Bool
    private let skew: ClockSkew
    private let ledger: UsageLedger
    private let clock: any WallClock
    private let collected = NIOLockedValueBox(LedgerChange())
    private let completed = NIOLockedValueBox(false)
    private let spent = NIOLockedValueBox(false)
    private let covered = NIOLockedValueBox<[String: Coverage]>([:])
    private let remarked = NIOLockedValueBox<[String]>([])

    /// - Parameters:
    ///   - plan: the source's slices; nil if the source names its slices itself.
    ///   - requested: days that the operator requested to read again.
    ///   - countsOnReading: whether the source's usage is dated only by this machine's clock.
    ///   - isStartGiven: whether the config sets the ledger's start as a date, which does not depend on a clock.
    init(
        source: LedgerSource, isFirst: Bool, plan: SlicePlan?, requested: ClosedRange<UTCDay>?, countsOnReading: Bool,
        isStartGiven: Bool, skew: ClockSkew, ledger: UsageLedger, clock: any WallClock
    ) {
        self.source = source
        self.isFirst = isFirst
        self.plan = plan
        dueSlices = plan?.due(requested: requested) ?? []
        self.countsOnReading = countsOnReading
        self.isStartGiven = isStartGiven
        self.skew = skew
        self.ledger = ledger
        self.clock = clock
        startedAt = clock.now
        ledgerStart = source.ledgerStart
    }

    var now: Timestamp { clock.now }

    var reopenable: [DueSlice] { plan?.reopenable ?? [] }

    /// The durable changes of this sync's commits.
    var change: LedgerChange { collected.withLockedValue { $0 } }

    /// The coverage of the sync's commits, by key.
    var coverage: [String: Coverage] { covered.withLockedValue { $0 } }

    /// The source's remarks on unexpected responses, in order.
    var remarks: [String] { remarked.withLockedValue { $0 } }

    /// Whether the history may be completed now. Completing it also fixes the ledger's start, which must not depend on
    /// a wrong clock.
    var mayComplete: Bool { isStartGiven || skew.excess == nil }

    /// Whether a commit of this sync completed the source's history.
    var hasCompletedHistory: Bool { completed.withLockedValue { $0 } }

    /// Whether a request of this sync counts against a quota.
    var hasSpent: Bool { spent.withLockedValue { $0 } }

    func cells(of slice: SliceID) async throws -> [Cell] {
        try await storage { try await ledger.cells(of: source.id, slice: slice) }
    }

    func gauges(_ family: GaugeFamily) async throws -> [GaugeSample] {
        try await storage { try await ledger.gauges(of: source.id)[family] ?? [] }
    }

    func memory(_ name: String) async throws -> String? {
        try await storage { try await ledger.memory(of: source.id, name: name) }
    }

    func commit(_ reading: Reading) async throws {
        let reading = try dated(reading)
        let change = try await storage { try await ledger.commit(reading, to: source.id, now: clock.now) }
        collect(change)
        covered.withLockedValue { $0.merge(reading.coverage) { $1 } }
        if reading.completesHistory { completed.withLockedValue { $0 = true } }
    }

    func spend(from quota: Quota) async throws {
        let decision = try await storage { try await ledger.spend(quota, of: source.id, now: clock.now) }
        if case .refused(let until) = decision { throw SyncPostponed(until: until) }
        spent.withLockedValue { $0 = true }
    }

    func remark(_ text: String) {
        remarked.withLockedValue { if !$0.contains(text) { $0.append(text) } }
    }

    /// Adjusts a reading to store while the provider's clock differs from this machine's.
    ///
    /// A slice counts as read at the earlier of the two times, because reading it once too often costs a request, and
    /// once too few loses usage.
    private func dated(_ reading: Reading) throws -> Reading {
        guard let excess = skew.excess else { return reading }
        guard !countsOnReading else {
            throw SourceFailure(
                .decode,
                "the clock that dates this usage is \(Int(saturating: excess.inSeconds)) s from the provider's"
            )
        }
        var reading = reading
        if excess > .zero {
            reading.slices = reading.slices.compactMap { slice in
                let readAt = slice.readAt - excess
                // By the provider's clock the slice has not begun, and it is empty.
                if slice.cells.isEmpty, readAt < slice.slice.period.start { return nil }
                return SliceReading(slice.slice, cells: slice.cells, readAt: readAt, attribution: slice.attribution)
            }
        }
        reading.completesHistory = reading.completesHistory && mayComplete
        return reading
    }

    /// Adds a durable change of this source.
    func collect(_ change: LedgerChange) {
        collected.withLockedValue { collected in
            collected.series += change.series
            collected.gauges.merge(change.gauges) { _, newer in newer }
        }
    }

    private func storage<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as LedgerError {
            throw SourceFailure(.storage, "the ledger: \(error)")
        }
    }
}
