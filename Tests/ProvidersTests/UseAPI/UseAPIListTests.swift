import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of incomplete lists of useapi.net with whole syncs.
@Suite struct UseAPIListTests {
    private static let noon = Timestamp(milliseconds: 1_795_176_000_000)  // 2026-11-20T12:00:00Z

    private func sync(
        _ context: StoredVisit, prices: [String: ExactDecimal] = [:],
        _ answer: @escaping @Sendable ([String: String]) throws -> String
    ) async throws -> [String] {
        let api = AnsweringAPI { _, query in try answer(query) }
        try await UseAPIStatsSource(bot: "kling", prices: prices, api: api).sync(context)
        return api.takeRequests()
    }

    private func rows(_ count: Int, config: String, code: Int = 200) -> String {
        Array(repeating: #"{"config":"\#(config)","code":\#(code),"msec":1000}"#, count: count).joined(separator: ",")
    }

    @Test func costIsReportedIfThereArePrices() {
        let api = AnsweringAPI { _, _ in "{}" }
        #expect(!UseAPIStatsSource(bot: "kling", prices: [:], api: api).reportsCost)
        #expect(UseAPIStatsSource(bot: "kling", prices: ["kling": ExactDecimal(1)], api: api).reportsCost)
    }

    @Test func countWithoutRowsIsNotCommittedUntilRowsAreListed() async throws {
        let context = StoredVisit(now: Self.noon)
        let prices = ["kling": ExactDecimal(2)]
        _ = try await sync(context, prices: prices) { _ in #"{"total":3,"summary":{"by_code":{"200":3}},"data":[]}"# }
        #expect(context.readings.isEmpty)
        #expect(
            context.remarks == [
                "2026-11-20: the API counts requests of kling but lists none yet; the day will be read again"
            ])
        context.advance(by: .hours(8))
        let listed = rows(300, config: "a") + "," + rows(100, config: "b", code: 500)
        _ = try await sync(context, prices: prices) { _ in #"{"total":400,"data":[\#(listed)]}"# }
        #expect(context.sum(.requests) { $0[0] == "a" } == ExactDecimal(300))
        #expect(context.sum(.estimatedCost) == ExactDecimal(600))
        #expect(context.sum(.requests) == ExactDecimal(400))
    }

    @Test func countBeyondTheListIsCountedTwentyMinutesAfterTheDaysEnd() async throws {
        let context = StoredVisit(now: Self.noon)
        let answer = #"{"total":120,"data":[\#(rows(100, config: "a"))]}"#
        for (step, requests) in [(Duration.zero, 100), (.hours(12), 100), (.minutes(19), 100), (.minutes(1), 120)] {
            context.advance(by: step)
            _ = try await sync(context) { $0["date"] == "2026-11-20" ? answer : #"{"total":0,"data":[]}"# }
            #expect(context.sum(.requests) == ExactDecimal(requests))
        }
    }

    @Test func truncatedListIsReadForEachAccount() async throws {
        let context = StoredVisit(now: Self.noon)
        let cut = rows(29_999, config: "a") + "," + rows(20_000, config: "b") + #",{"code":500}"#
        let (a, b) = (rows(40_000, config: "a"), rows(20_000, config: "b"))
        let requests = try await sync(context) { query in
            switch query["config"] {
            case "a": #"{"total":40000,"data":[\#(a)]}"#
            case "b": #"{"total":20000,"data":[\#(b)]}"#
            default: #"{"total":50000,"summary":{"by_config":{"a":40000,"b":20000,"(empty)":1}},"data":[\#(cut)]}"#
            }
        }
        #expect(requests.count == 3)
        #expect(context.sum(.requests) { $0[0] == "a" } == ExactDecimal(40_000))
        #expect(context.sum(.requests) == ExactDecimal(60_001))
    }

    @Test("rows that are in no linked account's list are reported as missing once the day is settled")
    func missingRowsWithoutAccount() async throws {
        let context = StoredVisit(now: Self.noon)
        let cut =
            rows(30_000, config: "a") + "," + Array(repeating: #"{"code":200}"#, count: 20_000).joined(separator: ",")
        let own = rows(30_001, config: "a")
        let answer: @Sendable ([String: String]) -> String = { query in
            switch (query["date"], query["config"]) {
            case ("2026-11-20", "a"): #"{"total":30001,"data":[\#(own)]}"#
            case ("2026-11-20", _):
                #"{"total":50000,"summary":{"by_config":{"a":30001,"(empty)":30000}},"data":[\#(cut)]}"#
            default: #"{"total":0,"data":[]}"#
            }
        }
        _ = try await sync(context, answer)
        #expect(context.gauges[.truncatedDays] == [GaugeSample(["kling"], 0)])
        context.advance(by: .hours(13))
        _ = try await sync(context, answer)
        #expect(context.gauges[.truncatedDays] == [GaugeSample(["kling"], 1)])
        #expect(context.sum(.requests) == ExactDecimal(60_001))
    }

    @Test("a linked account's list that is shorter than its part of the whole list changes nothing")
    func shorterOwnList() async throws {
        let context = StoredVisit(now: Self.noon)
        let cut = rows(50_000, config: "a")
        let failure = await #expect(throws: SourceFailure.self) {
            _ = try await sync(context) { query in
                query["config"] == nil
                    ? #"{"total":50000,"summary":{"by_config":{"a":60000}},"data":[\#(cut)]}"#
                    : #"{"total":0,"data":[]}"#
            }
        }
        #expect(failure?.reason == .decode)
        #expect(context.sum(.requests) == .zero)
    }

    @Test("an error object with HTTP 200 is a failure even with a total", arguments: [#""busy""#, #"{"code":500}"#])
    func errorObject(error: String) async throws {
        let context = StoredVisit(now: Self.noon)
        let failure = await #expect(throws: SourceFailure.self) {
            _ = try await sync(context) { _ in #"{"error":\#(error),"total":0,"data":[]}"# }
        }
        #expect(failure?.reason == .decode)
        #expect(context.sum(.requests) == .zero)
    }

    @Test func completeListOfMaximumLengthIsCounted() async throws {
        let context = StoredVisit(now: Self.noon - .days(1))
        let whole = rows(50_000, config: "a")
        let answer: @Sendable ([String: String]) -> String = { query in
            query["date"] == "2026-11-19"
                ? #"{"total":50000,"summary":{"by_config":{"a":50000}},"data":[\#(whole)]}"# : #"{"total":0,"data":[]}"#
        }
        context.advance(by: .hours(14))
        _ = try await sync(context, answer)
        // The account's own list has the maximum length too, so it may be truncated.
        #expect(context.sum(.requests) == ExactDecimal(50_000))
        #expect(
            context.remarks == [
                "2026-11-19: the API's list of kling is truncated at 50000 requests; some of the day may be missing"
            ])
    }

    @Test func unsplittableTruncatedListIsCompletedByTheSummary() async throws {
        let context = StoredVisit(now: Self.noon - .days(1))
        context.advance(by: .hours(14))
        let cut = rows(50_000, config: "a")
        let requests = try await sync(context) { query in
            query["date"] == "2026-11-19"
                ? #"{"total":50000,"summary":{"by_code":{"200":70000}},"data":[\#(cut)]}"# : #"{"total":0,"data":[]}"#
        }
        #expect(requests.count == 2)
        #expect(context.sum(.requests) == ExactDecimal(70_000))
        #expect(context.sum(.useapiResponses) { $0[1] == "" } == ExactDecimal(20_000))
        #expect(context.remarks.count == 1)
    }

    @Test func tooLongDayStopsNoOtherAndIsQueriedOnceAnHour() async throws {
        let context = StoredVisit(now: Self.noon, days: 3)
        let answer: @Sendable ([String: String]) throws -> String = { query in
            guard query["date"] == "2026-11-18" else { return #"{"total":1,"data":[{"config":"a"}]}"# }
            throw UpstreamFailure(reason: .decode, message: "too long")
        }
        func queries() async -> Int {
            let api = AnsweringAPI { _, query in try answer(query) }
            let failure = await #expect(throws: PartialFailure.self) {
                try await UseAPIStatsSource(bot: "kling", prices: [:], api: api).sync(context)
            }
            #expect(failure?.message == "too long")
            return api.takeRequests().filter { $0.contains("2026-11-18") }.count
        }
        #expect(await queries() == 1)
        #expect(context.sum(.requests) == ExactDecimal(3))
        context.advance(by: .minutes(5))
        #expect(await queries() == 0)
        context.advance(by: .minutes(55))
        #expect(await queries() == 1)
        context.advance(by: .hours(1))
        _ = try await sync(context) { _ in #"{"total":1,"data":[{"config":"a"}]}"# }
        #expect(context.sum(.requests) == ExactDecimal(4))
        #expect(context.memories["unreadable/2026-11-18"] == nil)
    }
}
