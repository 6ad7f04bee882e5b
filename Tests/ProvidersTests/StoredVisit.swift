import NIOConcurrencyHelpers
import UsageModel
import Upstream

@testable import Providers

/// A context that stores commits in memory and schedules days or hours like the re-read schedule.
final class StoredVisit: SyncContext {
    private struct State {
        var now: Timestamp
        var readings: [Reading] = []
        var cells: [SliceID: [Cell]] = [:]
        var lastRead: [SliceID: Timestamp] = [:]
        var gauges: [GaugeFamily: [GaugeSample]] = [:]
        var memories: [String: String] = [:]
        var remarks: [String] = []
    }

    let ledgerStart: Timestamp
    private let unit: Slicing.Unit
    private let state: NIOLockedValueBox<State>
    private static let offsets: [Duration] = [.zero, .minutes(20), .hours(1), .hours(6), .hours(24), .hours(72)]

    /// Creates a context whose ledger starts the given number of days before today.
    init(now: Timestamp, days: Int = 0, by unit: Slicing.Unit = .day) {
        self.unit = unit
        ledgerStart = now.day.advanced(by: -days).start
        state = NIOLockedValueBox(State(now: now))
    }

    var now: Timestamp { state.withLockedValue { $0.now } }
    var startedAt: Timestamp { now }
    var isFirst: Bool { state.withLockedValue { $0.lastRead.isEmpty } }
    var readings: [Reading] { state.withLockedValue { $0.readings } }
    var memories: [String: String] { state.withLockedValue { $0.memories } }
    var remarks: [String] { state.withLockedValue { $0.remarks } }
    var gauges: [GaugeFamily: [GaugeSample]] { state.withLockedValue { $0.gauges } }

    /// Moves the start of the next sync.
    func advance(by duration: Duration) {
        state.withLockedValue { $0.now = $0.now + duration }
    }

    /// Deletes stored values whose names have this prefix.
    func forget(_ beginning: String) {
        state.withLockedValue { state in state.memories = state.memories.filter { !$0.key.hasPrefix(beginning) } }
    }

    /// Returns the sum of a family over the stored cells of one day or of all days.
    func sum(_ family: LedgerFamily, on day: UTCDay? = nil, _ isCounted: ([String]) -> Bool = { _ in true })
        -> ExactDecimal
    {
        state.withLockedValue { state in
            state.cells.filter { day == nil || $0.key.period.start.day == day }.values.joined()
                .filter { $0.family == family && isCounted($0.labels) }.map(\.value).reduce(.zero, +)
        }
    }

    /// Returns the sums of a family by its labels, over the stored cells of one day or of all days.
    func values(_ family: LedgerFamily, on day: UTCDay? = nil) -> [[String]: ExactDecimal] {
        state.withLockedValue { state in
            let cells = state.cells.filter { day == nil || $0.key.period.start.day == day }.values.joined()
            return Dictionary(
                cells.filter { $0.family == family }.map { ($0.labels, $0.value) }, uniquingKeysWith: +)
        }
    }

    var dueSlices: [DueSlice] { slices.filter { isDue($0) }.map(due) }

    var reopenable: [DueSlice] { slices.filter { lastRead($0) != nil && !isDue($0) }.map(due) }

    /// Newest first.
    private var slices: [SliceID] {
        switch unit {
        case .day:
            return (0...max(0, ledgerStart.day.distance(to: now.day))).map {
                SliceID(period: now.day.advanced(by: -$0).period)
            }
        case .hour:
            let count = Int((now.startOfHour - ledgerStart).inSeconds / 3600)
            return (0...max(0, count)).map {
                let start = now.startOfHour - .hours($0)
                return SliceID(period: Period(start: start, end: start + .hours(1)))
            }
        }
    }

    private func lastRead(_ slice: SliceID) -> Timestamp? { state.withLockedValue { $0.lastRead[slice] } }

    private func due(_ slice: SliceID) -> DueSlice {
        DueSlice(slice: slice, lastRead: lastRead(slice), settles: slice.period.end + .hours(72) <= now)
    }

    private func isDue(_ slice: SliceID) -> Bool {
        guard let lastRead = lastRead(slice), slice.period.end <= now else { return true }
        return Self.offsets.contains { lastRead < slice.period.end + $0 && slice.period.end + $0 <= now }
    }

    func cells(of slice: SliceID) async throws -> [Cell] { state.withLockedValue { $0.cells[slice] ?? [] } }

    func gauges(_ family: GaugeFamily) async throws -> [GaugeSample] { gauges[family] ?? [] }

    func memory(_ name: String) async throws -> String? { memories[name] }

    func commit(_ reading: Reading) async throws {
        state.withLockedValue { state in
            state.readings.append(reading)
            for slice in reading.slices {
                state.cells[slice.slice] = slice.cells
                state.lastRead[slice.slice] = slice.readAt
            }
            state.gauges.merge(reading.gauges) { $1 }
            for (name, value) in reading.memory { state.memories[name] = value }
        }
    }

    func remark(_ text: String) { state.withLockedValue { $0.remarks.append(text) } }
}

/// An API whose responses depend on path and query; it records the requests.
final class AnsweringAPI: UpstreamAPI {
    private let sent = NIOLockedValueBox<[String]>([])
    private let answer: @Sendable (String, [String: String]) throws -> String

    init(_ answer: @escaping @Sendable (String, [String: String]) throws -> String) {
        self.answer = answer
    }

    /// Returns the requests since the last call: path and query.
    func takeRequests() -> [String] {
        sent.withLockedValue { sent in
            defer { sent = [] }
            return sent
        }
    }

    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        sent.withLockedValue { $0.append(call.query.isEmpty ? call.path : "\(call.path)?\(call.query)") }
        let items = call.query.split(separator: "&").map { $0.split(separator: "=", maxSplits: 1) }
        let query = Dictionary(items.map { (String($0[0]), String($0.count > 1 ? $0[1] : "")) }) { $1 }
        return UpstreamResponse(status: 200, headers: [:], body: Array(try answer(call.path, query).utf8))
    }
}
