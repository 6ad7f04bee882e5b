import Testing
import UsageModel
import Upstream

@testable import Providers

/// Up to when a day counts as read, and what that means for its next reading.
@Suite struct UseAPIReachTests {
    private static let day = UTCDay(daysSinceEpoch: 20_777)  // 2026-11-20
    private static let noon = day.start + .hours(12)

    private func reach(_ json: String, at requestedAt: Timestamp) throws -> Timestamp {
        try UseAPIDay(UpstreamResponse(json: json), bot: "kling", day: Self.day).reach(requestedAt: requestedAt)
    }

    @Test(
        "an open day is read up to its newest request, and at least up to 20 minutes before the query",
        arguments: [
            ("2026-11-20T11:53:30.000Z", -390), ("2026-11-20T11:40:00.000Z", -1200), ("2026-11-20T02:00:00Z", -1200),
            ("2026-11-20T12:00:01.000Z", 0), ("2027-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00Z", -1200),
        ])
    func openDay(newest: String, seconds: Int) throws {
        let json = #"{"total":1,"summary":{"to":"\#(newest)"},"data":[{}]}"#
        #expect(try reach(json, at: Self.noon) == Self.noon + .seconds(seconds))
    }

    @Test(
        "without the time of the newest request the day is read up to the query",
        arguments: [
            #"{"total":0}"#, #"{"total":1,"summary":{},"data":[{}]}"#,
            #"{"total":1,"summary":{"to":null},"data":[{}]}"#,
            #"{"total":1,"summary":{"to":"soon"},"data":[{}]}"#, #"{"total":1,"summary":{"to":[]},"data":[{}]}"#,
        ])
    func withoutNewest(json: String) throws {
        #expect(try reach(json, at: Self.noon) == Self.noon)
    }

    @Test("a closed day is read up to the query, also right after midnight", arguments: [0, 1, 300, 1200, 90_000])
    func closedDay(seconds: Int) throws {
        let query = Self.day.period.end + .seconds(seconds)
        #expect(try reach(#"{"total":1,"summary":{"to":"2026-11-20T23:40:00Z"},"data":[{}]}"#, at: query) == query)
    }

    @Test("a closed day is read once at each time of the schedule, not at every sync until its latency is over")
    func schedule() async throws {
        let context = StoredVisit(now: Self.noon)
        var reads: [Int] = []
        for minute in [0, 715, 720, 725, 730, 735, 740, 745, 775, 780, 785, 800, 1080, 1085] {
            context.advance(by: Self.noon + .minutes(minute) - context.now)
            let api = AnsweringAPI { _, query in
                query["date"] == "2026-11-20"
                    ? #"{"total":1,"summary":{"to":"2026-11-20T11:00:00.000Z"},"data":[{"config":"a"}]}"#
                    : #"{"total":0,"data":[]}"#
            }
            try await UseAPIStatsSource(bot: "kling", prices: [:], api: api).sync(context)
            if api.takeRequests().contains(where: { $0.contains("2026-11-20") }) { reads.append(minute) }
        }
        #expect(reads == [0, 715, 720, 740, 780, 1080])
    }
}
