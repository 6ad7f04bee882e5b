import NIOConcurrencyHelpers
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Bots that useapi.net has discontinued: their days are empty or refused.
@Suite struct UseAPIRetiredBotTests {
    private static let noon = Timestamp(milliseconds: 1_795_176_000_000)  // 2026-11-20T12:00:00Z

    private func sync(_ context: StoredVisit, _ json: String) async throws {
        let api = AnsweringAPI { _, _ in json }
        try await UseAPIStatsSource(bot: "midjourney", prices: ["midjourney": ExactDecimal(2)], api: api).sync(context)
    }

    @Test(
        "a day that had figures and is listed as empty keeps them, with a remark",
        arguments: [#"{"total":0,"data":[]}"#, #"{"bot":"midjourney","total":"0"}"#, #"{"total":0,"data":null}"#])
    func emptiedDay(empty: String) async throws {
        let context = StoredVisit(now: Self.noon)
        try await sync(context, #"{"total":2,"data":[{"config":"a","code":200},{"config":"a","code":500}]}"#)
        context.advance(by: .hours(13))
        try await sync(context, empty)
        #expect(context.sum(.requests) == ExactDecimal(2))
        #expect(context.sum(.outcomes) == ExactDecimal(2))
        #expect(context.sum(.estimatedCost) == ExactDecimal(2))
        #expect(
            context.remarks == [
                "2026-11-20: the API lists no requests of midjourney any more; the day keeps its figures"
            ])
        // It counts as read, so that the schedule ends.
        #expect(context.reopenable.map(\.slice.period.start.day.description) == ["2026-11-20"])
    }

    @Test("a day that was counted from its summary keeps its figures too")
    func emptiedSummary() async throws {
        let context = StoredVisit(now: Self.noon, days: 1)
        try await sync(context, #"{"total":3,"summary":{"by_code":{"200":3}},"data":[]}"#)
        #expect(context.sum(.requests) == ExactDecimal(3))
        context.advance(by: .hours(14))
        try await sync(context, #"{"total":0,"data":[]}"#)
        #expect(context.sum(.requests) == ExactDecimal(3))
    }

    @Test("a day that never had figures has none, without a remark")
    func neverUsed() async throws {
        let context = StoredVisit(now: Self.noon, days: 3)
        try await sync(context, #"{"total":0,"data":[]}"#)
        context.advance(by: .hours(13))
        try await sync(context, #"{"total":0,"data":[]}"#)
        #expect(context.readings.allSatisfy { $0.slices.allSatisfy(\.cells.isEmpty) })
        #expect(context.remarks.isEmpty)
    }

    @Test("figures that appear again replace the kept ones")
    func returned() async throws {
        let context = StoredVisit(now: Self.noon)
        try await sync(context, #"{"total":1,"data":[{"config":"a","code":200}]}"#)
        try await sync(context, #"{"total":0,"data":[]}"#)
        try await sync(context, #"{"total":2,"data":[{"config":"a","code":200},{"config":"a","code":200}]}"#)
        #expect(context.sum(.requests) == ExactDecimal(2))
    }

    @Test(
        "a refused bot's failure names the bot and what to do",
        arguments: [(400, FailureReason.http4xx), (404, .http4xx), (410, .gone)])
    func refusals(status: Int, reason: FailureReason) async throws {
        let api = RecordingAPI()
        try await UseAPIStatsSource(bot: "midjourney", prices: [:], api: api).sync(StoredVisit(now: Self.noon))
        let meaning = try #require(api.meanings.first?[status])
        #expect(meaning.reason == reason)
        #expect(
            meaning.text
                == "the API has no statistics of the bot midjourney: if it was retired, take it out of `bots:`, and its "
                + "counters stay; else check its name and base_url")
        // The codes of linked accounts keep their own meanings.
        #expect(api.meanings.first?[412] == UseAPI.meanings[412])
    }

    @Test("the subscription's endpoint has no such meaning")
    func accountEndpoint() async throws {
        let api = RecordingAPI()
        try await UseAPIAccountSource(api: api).sync(StoredVisit(now: Self.noon))
        #expect(api.meanings == [UseAPI.meanings])
    }
}

/// An API that records the meanings of statuses of its calls.
private final class RecordingAPI: UpstreamAPI {
    private let recorded = NIOLockedValueBox<[[Int: StatusMeaning]]>([])

    var meanings: [[Int: StatusMeaning]] { recorded.withLockedValue { $0 } }

    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        recorded.withLockedValue { $0.append(call.meanings) }
        return UpstreamResponse(json: #"{"total":0,"data":[],"subscriptionIsActive":true}"#)
    }
}
