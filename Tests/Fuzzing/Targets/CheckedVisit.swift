import NIOConcurrencyHelpers
import UsageModel

/// A sync context that keeps readings for the next sync and checks each value.
final class CheckedVisit: SyncContext {
    /// 2026-02-13T15:00:00Z, on the day of the documentation's examples.
    static let first = Timestamp(seconds: 1_770_994_800)

    private struct State {
        var now = first
        var cells: [SliceID: [Cell]] = [:]
        var lastRead: [SliceID: Timestamp] = [:]
        var gauges: [GaugeFamily: [GaugeSample]] = [:]
        var memory: [String: String] = [:]
        var broken: BrokenProperty?
    }

    private let state = NIOLockedValueBox(State())
    private let slices: [(slice: SliceID, settles: Bool)]

    /// The first violated property; nil if there is none.
    var broken: BrokenProperty? { state.withLockedValue { $0.broken } }

    init(of source: any UsageSource) {
        slices = Self.slices(of: source.slicing)
    }

    /// The open slice, the previous one, and one that is read only once.
    private static func slices(of slicing: Slicing?) -> [(SliceID, Bool)] {
        switch slicing?.unit {
        case nil: return []
        case .day?:
            return [0, 1, 12].map { (SliceID(period: first.day.advanced(by: -$0).period), $0 > 1) }
        case .hour?:
            return [0, 1, 12].map { hours in
                let start = first.startOfHour - .hours(hours)
                return (SliceID(period: Period(start: start, end: start + .hours(1))), hours > 1)
            }
        }
    }

    /// Advances the clock to the next sync.
    func proceed() { state.withLockedValue { $0.now = $0.now + .minutes(70) } }

    var startedAt: Timestamp { now }
    var now: Timestamp { state.withLockedValue { $0.now } }
    var ledgerStart: Timestamp { (Self.first - .days(30)).day.start }
    var isFirst: Bool { state.withLockedValue { $0.lastRead.isEmpty } }

    var dueSlices: [DueSlice] {
        state.withLockedValue { state in
            slices.filter { !$0.settles || state.lastRead[$0.slice] == nil }.map {
                DueSlice(slice: $0.slice, lastRead: state.lastRead[$0.slice], settles: $0.settles)
            }
        }
    }

    func cells(of slice: SliceID) async throws -> [Cell] { state.withLockedValue { $0.cells[slice] ?? [] } }

    func gauges(_ family: GaugeFamily) async throws -> [GaugeSample] {
        state.withLockedValue { $0.gauges[family] ?? [] }
    }

    func memory(_ name: String) async throws -> String? { state.withLockedValue { $0.memory[name] } }

    func spend(from quota: Quota) async throws {}

    func remark(_ text: String) { keep { () throws(BrokenProperty) in try ensure(line: text) } }

    func commit(_ reading: Reading) async throws {
        keep { () throws(BrokenProperty) in try check(reading) }
        state.withLockedValue { state in
            for slice in reading.slices {
                state.cells[slice.slice] = slice.cells
                state.lastRead[slice.slice] = slice.readAt
            }
            state.gauges.merge(reading.gauges) { $1 }
            for (name, value) in reading.memory { state.memory[name] = value }
        }
    }

    /// Keeps a violation instead of throwing it, because sources may handle errors.
    private func keep(_ checks: () throws(BrokenProperty) -> Void) {
        do {
            try checks()
        } catch {
            state.withLockedValue { $0.broken = $0.broken ?? error }
        }
    }

    private func check(_ reading: Reading) throws(BrokenProperty) {
        for (family, samples) in reading.gauges {
            for sample in samples {
                try ensure(sample.value.isFinite, "\(family.name) is \(sample.value)")
                // Only budgets of the config have the last label `budget`.
                let names = family.labelNames.filter { $0 != "budget" }
                try ensure(sample.labels.count == names.count, "\(family.name) has labels \(sample.labels)")
            }
        }
        for slice in reading.slices {
            try ensure(slice.readAt <= now, "\(slice.slice) was read in the future")
            for cell in slice.cells { try check(cell) }
        }
    }

    private func check(_ cell: Cell) throws(BrokenProperty) {
        let text = cell.value.description
        try ensure(cell.value.doubleValue.isFinite, "\(cell.family.name) is \(text)")
        // Above it the ledger clamps values.
        guard cell.value.magnitude <= ExactDecimal(1_700_000_000_000_000_000) else { return }
        try ensure(ExactDecimal(text) == cell.value, "\(cell.family.name) \(text) does not round-trip")
    }
}
