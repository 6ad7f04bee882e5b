import Logging
import NIOConcurrencyHelpers
import UsageLedger
import UsageModel

/// One run of a source against the ledger.
final class LedgerVisit: SyncVisit {
    let startedAt: Timestamp
    let ledgerStart: Timestamp
    let isFirst: Bool
    let dueSlices: [DueSlice]

    private let source: LedgerSource
    private let ledger: UsageLedger
    private let ladder: RereadLadder
    private let clock: any WallClock
    private let logger: Logger
    private let collected = NIOLockedValueBox(LedgerChange())
    private let noticed = NIOLockedValueBox<UpstreamNotice?>(nil)
    private let completed = NIOLockedValueBox(false)

    init(
        source: LedgerSource, isFirst: Bool, dueSlices: [DueSlice], ledger: UsageLedger, ladder: RereadLadder,
        clock: any WallClock, logger: Logger
    ) {
        self.source = source
        self.isFirst = isFirst
        self.dueSlices = dueSlices
        self.ledger = ledger
        self.ladder = ladder
        self.clock = clock
        self.logger = logger
        startedAt = clock.now
        ledgerStart = source.ledgerStart
    }

    var now: Timestamp { clock.now }

    /// What the commits of this run changed, all of it durable.
    var change: LedgerChange { collected.withLockedValue { $0 } }

    /// What the API said last of the endpoint's future; nil where no answer came.
    var lastNotice: UpstreamNotice? { noticed.withLockedValue { $0 } }

    func notice(_ notice: UpstreamNotice) {
        noticed.withLockedValue { $0 = notice }
    }

    /// Whether a commit of this run completed the source's history.
    var hasCompletedHistory: Bool { completed.withLockedValue { $0 } }

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
        let change = try await storage {
            try await ledger.commit(reading, to: source.id, now: clock.now, ladder: ladder)
        }
        collect(change)
        if reading.completesHistory { completed.withLockedValue { $0 = true } }
    }

    func spend(from quota: Quota) async throws {
        let decision = try await storage { try await ledger.spend(quota, of: source.id, now: clock.now) }
        if case .refused(let until) = decision { throw SyncPostponed(until: until) }
    }

    func remark(_ text: String) {
        logger.warning("the provider's answer is odd", metadata: ["remark": "\(text)"])
    }

    /// Takes in a change that was made durable for this source.
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
