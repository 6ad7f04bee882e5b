import NIOConcurrencyHelpers
import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Returns a response with a JSON body.
func veniceAnswer(_ json: String, headers: UpstreamHeaders = [:]) -> UpstreamResponse {
    UpstreamResponse(status: 200, headers: headers, body: Array(json.utf8))
}

func veniceRows(_ json: String) throws -> [VeniceRow] {
    try JSONBody.decode(VeniceCursorPage.self, from: veniceAnswer("{\"data\":[\(json)]}")).data.values
}

func decimal(_ text: String) throws -> ExactDecimal { try #require(ExactDecimal(text)) }

func moment(_ text: String) throws -> Timestamp { try #require(Timestamp(text)) }

/// Returns the UTC hour with this start.
func hour(_ start: String) throws -> SliceID {
    let start = try moment(start)
    return SliceID(period: Period(start: start, end: start + .hours(1)))
}

/// Returns a row of one inference with the given fields.
func row(
    _ time: String, _ sku: String = "m-llm-output-mtoken", amount: String = "-1", currency: String = "USD",
    units: String = "1", request: String? = "r", prompt: String = "null", completion: String = "null",
    milliseconds: String = "null"
) -> String {
    let details =
        request.map {
            """
            {"requestId":"\($0)","promptTokens":\(prompt),"completionTokens":\(completion),
            "inferenceExecutionTime":\(milliseconds)}
            """
        } ?? "null"
    return """
        {"timestamp":"\(time)","sku":"\(sku)","pricePerUnitUsd":1,"units":\(units),"amount":\(amount),
        "currency":"\(currency)","notes":"API Inference","inferenceDetails":\(details)}
        """
}

/// Returns the cells of hours that are read with one query.
func veniceCells(_ json: String, of hours: [SliceID], end: Timestamp? = nil) throws -> [Set<Cell>] {
    let last = try #require(hours.last).period.end
    var tally = HourlyAccumulator(of: hours, end: end ?? last)
    try tally.add(veniceRows(json))
    return tally.take(endingBy: last).map { Set($0.cells) }
}

/// Returns the gauges of `api_keys` on a day.
func keyGauges(
    _ json: String, today: UTCDay, accountDIEM: VeniceAccountDIEM = .unknown
) throws -> [GaugeFamily: [GaugeSample]] {
    let list = try JSONBody.decode(VeniceKeys.self, from: veniceAnswer(json))
    var names = SliceKeyNames([:], reserved: VeniceKeyNames.reserved)
    return VeniceKeys.gauges(list, &names, accountDIEM: accountDIEM, today: today)
}

/// An API with scripted responses that records calls.
final class ScriptedVenice: UpstreamAPI {
    private struct Calls {
        var scripted: [UpstreamCall] = []
        var totals: [UpstreamCall] = []
        var incidental: [UpstreamCall] = []
    }

    private let calls = NIOLockedValueBox(Calls())
    private let totals: @Sendable (UpstreamCall) throws -> UpstreamResponse
    private let incidental: @Sendable (UpstreamCall) throws -> UpstreamResponse
    private let respond: @Sendable (UpstreamCall, Int) throws -> UpstreamResponse

    /// - Parameters:
    ///   - totals: returns the response to the query for late charges, which covers several days; 404 if not given.
    ///   - incidental: returns the response to any other call that the source works without; 404 if not given.
    ///   - respond: returns the response to any other call, given the number of earlier calls.
    init(
        totals: @escaping @Sendable (UpstreamCall) throws -> UpstreamResponse = { _ in throw refusal(404) },
        incidental: @escaping @Sendable (UpstreamCall) throws -> UpstreamResponse = { _ in throw refusal(404) },
        _ respond: @escaping @Sendable (UpstreamCall, Int) throws -> UpstreamResponse
    ) {
        self.totals = totals
        self.incidental = incidental
        self.respond = respond
    }

    /// `path?query` of all calls so far, except for those in `totalsAsked` and `incidentalPaths`.
    var asked: [String] { calls.withLockedValue { $0.scripted.map { "\($0.path)?\($0.query)" } } }

    /// `path?query` of the queries for late charges.
    var totalsAsked: [String] { calls.withLockedValue { $0.totals.map { "\($0.path)?\($0.query)" } } }

    /// The paths of the calls that the source works without, except for the queries for late charges.
    var incidentalPaths: [String] { calls.withLockedValue { $0.incidental.map(\.path) } }

    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        let days = call.query.split(separator: "&").compactMap { $0.split(separator: "=").last }
        if call.path.hasSuffix("usage-analytics"), days.first != days.last {
            calls.withLockedValue { $0.totals.append(call) }
            return try totals(call)
        }
        if call.isIncidental {
            calls.withLockedValue { $0.incidental.append(call) }
            return try incidental(call)
        }
        let count = calls.withLockedValue { calls in
            calls.scripted.append(call)
            return calls.scripted.count - 1
        }
        return try respond(call, count)
    }
}

/// Returns a failure as the client reports it.
func refusal(_ status: Int, headers: UpstreamHeaders = [:]) -> UpstreamFailure {
    let reason: FailureReason =
        switch status {
        case 401, 403: .auth
        case 410: .gone
        case 500...: .http5xx
        default: .http4xx
        }
    return UpstreamFailure(reason: reason, status: status, headers: headers, message: "HTTP \(status)")
}

/// A context that keeps commits.
final class KeptVisit: SyncContext {
    private struct State {
        var slices: [SliceReading] = []
        var cells: [SliceID: [Cell]] = [:]
        var gauges: [GaugeFamily: [GaugeSample]] = [:]
        var memory: [String: String] = [:]
        var remarks: [String] = []
        var commits = 0
    }

    let startedAt: Timestamp
    let dueSlices: [DueSlice]
    let reopenable: [DueSlice]
    private let state: NIOLockedValueBox<State>

    /// - Parameters:
    ///   - reopenable: slices that left the re-read schedule.
    ///   - earlier: the previous context, whose cells and stored values are kept.
    init(
        now: Timestamp, due: [SliceID] = [], settles: Bool = false, reopenable: [SliceID] = [],
        memory: [String: String] = [:], after earlier: KeptVisit? = nil
    ) {
        startedAt = now
        let before = earlier?.state.withLockedValue { $0 } ?? State()
        dueSlices = due.map { slice in
            let lastRead = before.cells[slice] == nil ? nil : earlier?.startedAt
            return DueSlice(slice: slice, lastRead: lastRead, settles: settles)
        }
        self.reopenable = reopenable.map { DueSlice(slice: $0, lastRead: $0.period.end, settles: true) }
        state = NIOLockedValueBox(
            State(cells: before.cells, gauges: before.gauges, memory: before.memory.merging(memory) { $1 }))
    }

    var now: Timestamp { startedAt }
    var ledgerStart: Timestamp { startedAt - .days(30) }
    var isFirst: Bool { true }
    var committed: [SliceReading] { state.withLockedValue { $0.slices } }
    var commits: Int { state.withLockedValue { $0.commits } }
    var remarks: [String] { state.withLockedValue { $0.remarks } }
    var gauges: [GaugeFamily: [GaugeSample]] { state.withLockedValue { $0.gauges } }
    var memory: [String: String] { state.withLockedValue { $0.memory } }

    /// Returns the sum of one family over all slices.
    func sum(_ family: LedgerFamily) -> ExactDecimal {
        committed.flatMap(\.cells).filter { $0.family == family }.reduce(.zero) { $0 + $1.value }
    }

    func cells(of slice: SliceID) async throws -> [Cell] { state.withLockedValue { $0.cells[slice] ?? [] } }
    func gauges(_ family: GaugeFamily) async throws -> [GaugeSample] { gauges[family] ?? [] }
    func memory(_ name: String) async throws -> String? { memory[name] }
    func remark(_ text: String) { state.withLockedValue { $0.remarks.append(text) } }

    func commit(_ reading: Reading) async throws {
        state.withLockedValue { state in
            state.commits += 1
            state.slices += reading.slices
            for slice in reading.slices { state.cells[slice.slice] = slice.cells }
            state.gauges.merge(reading.gauges) { $1 }
            for (name, value) in reading.memory { state.memory[name] = value }
        }
    }
}
