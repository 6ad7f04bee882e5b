import NIOConcurrencyHelpers
import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

@Suite struct UseAPIStatsSourceTests {
    private static let noon = Timestamp(milliseconds: 1_795_176_000_000)  // 2026-11-20T12:00:00Z

    private func source(_ api: ScriptedAPI, prices: [String: ExactDecimal] = [:]) -> UseAPIStatsSource {
        UseAPIStatsSource(bot: "kling", prices: prices, api: api)
    }

    private func due(daysAgo: Int, lastRead: Timestamp? = nil, settles: Bool = false) -> DueSlice {
        let day = Self.noon.day.advanced(by: -daysAgo)
        return DueSlice(slice: SliceID(period: day.period), lastRead: lastRead, settles: settles)
    }

    @Test func everyBotIsASeparateSource() {
        var options = UseAPIOptions(key: nil)
        options.bots = ["google-flow", "flowmusic", "not-yet-known"]
        let sources = options.sources(for: ProviderAccount { _, _ in ScriptedAPI { _ in "{}" } })
        #expect(
            sources.map(\.name) == ["stats/google-flow", "stats/flowmusic", "stats/not-yet-known", "account"])
    }

    @Test func eachDueDayIsQueriedOnceAndCommittedSeparately() async throws {
        let api = ScriptedAPI { _ in #"{"total":1,"data":[{"config":"a","code":200}]}"# }
        let context = VisitDouble(now: Self.noon, due: [due(daysAgo: 0), due(daysAgo: 1), due(daysAgo: 2)])
        try await source(api).sync(context)
        #expect(
            api.queries == [
                "bot=kling&date=2026-11-20", "bot=kling&date=2026-11-19", "bot=kling&date=2026-11-18",
            ])
        #expect(context.readings.map { $0.slices.map(\.slice.period.start.day) }.map(\.count) == [1, 1, 1])
        #expect(context.readings.allSatisfy { $0.slices[0].readAt == Self.noon })
    }

    @Test func unreadableDayFailsTheSyncWithoutStoppingOthers() async throws {
        let api = ScriptedAPI { $0.contains("11-19") ? "{" : #"{"total":0,"data":[]}"# }
        let context = VisitDouble(now: Self.noon, due: [due(daysAgo: 0), due(daysAgo: 1), due(daysAgo: 2)])
        let failure = await #expect(throws: PartialFailure.self) { try await source(api).sync(context) }
        #expect(failure?.reason == .decode)
        #expect(
            context.readings.flatMap(\.slices).map(\.slice.period.start.day.description) == [
                "2026-11-20", "2026-11-18",
            ])
    }

    @Test func clientErrorEndsTheSyncAtOnce() async throws {
        let api = ScriptedAPI(failure: UpstreamFailure(reason: .http4xx, status: 400, message: "refused")) { _ in nil }
        let context = VisitDouble(now: Self.noon, due: [due(daysAgo: 0), due(daysAgo: 1)])
        let failure = await #expect(throws: UpstreamFailure.self) { try await source(api).sync(context) }
        #expect(failure?.status == 400)
        #expect(api.queries.count == 1)
    }

    @Test func discrepancyIsLoggedOnceTheDayIsOver() async throws {
        let api = ScriptedAPI { _ in #"{"total":5,"data":[{"config":"secret@example.com","code":200}]}"# }
        let context = VisitDouble(now: Self.noon, due: [due(daysAgo: 0), due(daysAgo: 1)])
        try await source(api).sync(context)
        #expect(
            context.remarks == [
                "2026-11-19: the API lists 1 requests and counts 5; its figures disagree with its list in total"
            ])
    }

    @Test func changedPriceDoesNotAffectAReadDay() async throws {
        let api = ScriptedAPI { _ in #"{"data":[{"config":"a","code":200},{"config":"a","code":200}]}"# }
        func estimate(_ reading: Reading?) -> ExactDecimal? {
            reading?.slices[0].cells.of(.estimatedCost)[["a", "kling"]]
        }
        let first = VisitDouble(now: Self.noon, due: [due(daysAgo: 0)])
        try await source(api, prices: ["kling": ExactDecimal(2)]).sync(first)
        #expect(estimate(first.readings.first) == ExactDecimal(4))
        #expect(first.memories == ["prices/2026-11-20": #"{"kling":"2"}"#])

        let dear = source(api, prices: ["kling": ExactDecimal(9)])
        let again = VisitDouble(
            now: Self.noon + .days(1), due: [due(daysAgo: 0, lastRead: Self.noon), due(daysAgo: -1)],
            memories: first.memories)
        try await dear.sync(again)
        #expect(again.readings.map(estimate) == [ExactDecimal(4), ExactDecimal(18)])

        let last = VisitDouble(
            now: Self.noon + .days(4), due: [due(daysAgo: 0, lastRead: Self.noon, settles: true)],
            memories: again.memories)
        try await dear.sync(last)
        #expect(last.readings.map(estimate) == [ExactDecimal(4)])
        // An operator may request the day again long after the schedule.
        let late = VisitDouble(
            now: Self.noon + .days(80), due: [due(daysAgo: 0, lastRead: Self.noon + .days(4), settles: true)],
            memories: last.memories)
        try await dear.sync(late)
        #expect(late.readings.map(estimate) == [ExactDecimal(4)])
        #expect(late.memories == again.memories)
    }
}

/// An API with a scripted response per query.
private final class ScriptedAPI: UpstreamAPI {
    private let asked = NIOLockedValueBox<[String]>([])
    private let failure: UpstreamFailure
    private let answer: @Sendable (String) -> String?

    init(
        failure: UpstreamFailure = UpstreamFailure(reason: .network, message: "no response"),
        answer: @escaping @Sendable (String) -> String?
    ) {
        self.failure = failure
        self.answer = answer
    }

    var queries: [String] { asked.withLockedValue { $0 } }

    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        asked.withLockedValue { $0.append(call.query) }
        guard let json = answer(call.query) else { throw failure }
        return UpstreamResponse(json: json)
    }
}

/// A context that stores commits in memory.
private final class VisitDouble: SyncContext {
    private struct State {
        var readings: [Reading] = []
        var memories: [String: String]
        var remarks: [String] = []
    }

    let now: Timestamp
    let dueSlices: [DueSlice]
    let isFirst = false
    private let state: NIOLockedValueBox<State>

    init(now: Timestamp, due: [DueSlice], memories: [String: String] = [:]) {
        self.now = now
        dueSlices = due
        state = NIOLockedValueBox(State(memories: memories))
    }

    var startedAt: Timestamp { now }
    var ledgerStart: Timestamp { now - .days(30) }
    var readings: [Reading] { state.withLockedValue { $0.readings } }
    var memories: [String: String] { state.withLockedValue { $0.memories } }
    var remarks: [String] { state.withLockedValue { $0.remarks } }

    func cells(of slice: SliceID) async throws -> [Cell] { [] }

    func gauges(_ family: GaugeFamily) async throws -> [GaugeSample] { [] }

    func memory(_ name: String) async throws -> String? { memories[name] }

    func commit(_ reading: Reading) async throws {
        state.withLockedValue { state in
            state.readings.append(reading)
            for (name, value) in reading.memory { state.memories[name] = value }
        }
    }

    func remark(_ text: String) {
        state.withLockedValue { $0.remarks.append(text) }
    }
}
