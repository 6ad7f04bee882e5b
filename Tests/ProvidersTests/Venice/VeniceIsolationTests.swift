import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests that one bad row, hour or day stops only itself, and that a failure of all parts ends the sync at once.
@Suite struct VeniceIsolationTests {
    private static let badRow = row("2026-06-15T03:30:00Z", amount: "null")

    /// Returns the responses of an API with a bad row, and a good row in every hour.
    private static func history(_ bad: String, at time: Timestamp)
        -> @Sendable (UpstreamCall, Int) throws
        -> UpstreamResponse
    {
        { call, _ in
            let times = call.query.split(separator: "&").compactMap { part -> Timestamp? in
                part.split(separator: "=").last.flatMap { Timestamp($0.replacing("%3A", with: ":")) }
            }
            let (start, end) = (times[0], times[1])
            var rows = stride(from: 0, to: 48, by: 1)
                .map { Timestamp(seconds: 1_781_481_600) + .hours($0) + .minutes(20) }
                .filter { $0 >= start && $0 < end }.map { row("\($0)", request: "\($0)") }
            if time >= start, time < end { rows.append(bad) }
            return veniceAnswer("{\"data\":[\(rows.joined(separator: ","))],\"nextCursor\":null}")
        }
    }

    /// Returns the hours of a UTC day, newest first.
    private func hours(_ day: String) throws -> [SliceID] {
        let start = try moment(day)
        return (0..<24).reversed().map {
            SliceID(period: Period(start: start + .hours($0), end: start + .hours($0 + 1)))
        }
    }

    @Test(arguments: [
        badRow, row("2026-06-15T03:30:00Z", amount: "\"lots\""), "{\"timestamp\":\"soon\",\"amount\":-1}",
        "{\"amount\":-1}", "{\"timestamp\":\"2026-06-15T03:30:00Z\"}",
    ])
    func rowWithInvalidAmountOrTimeStopsOnlyItsHour(bad: String) async throws {
        let time = try moment("2026-06-15T03:30:00Z")
        let due = try hours("2026-06-16") + hours("2026-06-15")
        let api = ScriptedVenice(Self.history(bad, at: time))
        let context = KeptVisit(now: try moment("2026-06-17T00:00:00Z"), due: due)
        let source = VeniceUsageSource(api: api, setting: .usageHistory)
        let failure = await #expect(throws: PartialFailure.self) { try await source.sync(context) }
        #expect(failure?.reason == .decode)
        let missing = Set(due).subtracting(context.committed.map(\.slice))
        #expect(missing == [try hour("2026-06-15T03:00:00Z")])
        #expect(context.sum(.cost) == ExactDecimal(47))
        // Two days, and eight halves to isolate the hour.
        #expect(api.asked.count == 10)

        // After that, the hour is a separate query.
        let next = KeptVisit(
            now: try moment("2026-06-17T00:10:00Z"),
            due: [try hour("2026-06-17T00:00:00Z")] + missing, after: context)
        await #expect(throws: PartialFailure.self) { try await source.sync(next) }
        #expect(api.asked.count == 12)
        #expect(next.committed.map(\.slice) == [try hour("2026-06-17T00:00:00Z")])
    }

    @Test func onlyBadRowsFailAfterABoundedNumberOfQueries() async throws {
        let api = ScriptedVenice { _, _ in veniceAnswer("{\"data\":[\(Self.badRow)],\"nextCursor\":null}") }
        let context = KeptVisit(
            now: try moment("2026-06-17T00:00:00Z"), due: try hours("2026-06-16") + hours("2026-06-15"))
        let failure = await #expect(throws: SourceFailure.self) {
            try await VeniceUsageSource(api: api, setting: .usageHistory).sync(context)
        }
        #expect(failure?.reason == .decode)
        #expect(context.committed.isEmpty)
        #expect(api.asked.count == 2 + 2 * VeniceRuns.mostSplits)
    }

    @Test(arguments: [401, 403, 429, 400])
    func clientErrorStopsTheSyncAndKeepsCommits(status: Int) async throws {
        for refused in 0...1 {
            let api = ScriptedVenice { _, count in
                if count == refused { throw refusal(status) }
                return veniceAnswer("{\"data\":[],\"nextCursor\":null}")
            }
            let due = try ["2026-06-16T10:00:00Z", "2026-06-15T10:00:00Z", "2026-06-14T10:00:00Z"].map(hour)
            let context = KeptVisit(now: try moment("2026-06-16T10:30:00Z"), due: due)
            let failure = await #expect(throws: UpstreamFailure.self) {
                try await VeniceUsageSource(api: api, setting: .usageHistory).sync(context)
            }
            #expect(failure?.status == status)
            #expect(api.asked.count == refused + 1)
            #expect(api.totalsAsked.count == refused)
            #expect(context.committed.map(\.slice) == Array(due.prefix(refused)))
        }
    }

    @Test func aNetworkFailureStopsTheSync() async throws {
        let api = ScriptedVenice { _, _ in throw UpstreamFailure(reason: .network, message: "refused") }
        let context = KeptVisit(
            now: try moment("2026-06-17T00:00:00Z"), due: try hours("2026-06-16") + hours("2026-06-15"))
        let failure = await #expect(throws: UpstreamFailure.self) {
            try await VeniceUsageSource(api: api, setting: .usageHistory).sync(context)
        }
        #expect(failure?.reason == .network)
        #expect(api.asked.count == 1)
    }

    @Test func oneServerErrorStopsItsDayAndTwoInARowTheSync() async throws {
        for (broken, asked, committed) in [([1], 3, 2), ([1, 2], 3, 1), ([0, 1], 2, 0)] {
            let api = ScriptedVenice { _, count in
                if broken.contains(count) { throw refusal(504) }
                return veniceAnswer("{\"data\":[],\"nextCursor\":null}")
            }
            let due = try ["2026-06-16T10:00:00Z", "2026-06-15T10:00:00Z", "2026-06-14T10:00:00Z"].map(hour)
            let context = KeptVisit(now: try moment("2026-06-16T10:30:00Z"), due: due)
            await #expect(throws: (any Error).self) {
                try await VeniceUsageSource(api: api, setting: .usageHistory).sync(context)
            }
            #expect(api.asked.count == asked)
            #expect(context.committed.count == committed)
        }
    }

    @Test(arguments: ["{\"error\":\"cached\"}", "{\"byKey\":null}", "{\"byKey\":[{\"totalUsd\":\"x\"}]}"])
    func unreadableDayOfAnalyticsDoesNotStopOthers(body: String) async throws {
        for bad in 0...2 {
            let api = ScriptedVenice { _, count in veniceAnswer(count == bad ? body : "{\"byKey\":[]}") }
            let due = try ["2026-06-16", "2026-06-15", "2026-06-14"].map {
                SliceID(period: try #require(UTCDay($0)).period)
            }
            let context = KeptVisit(now: try moment("2026-06-16T10:30:00Z"), due: due)
            let failure = await #expect(throws: PartialFailure.self) {
                try await VeniceAnalyticsSource(api: api).sync(context)
            }
            #expect(failure?.reason == .decode)
            #expect(api.asked.count == 3)
            #expect(Set(due).subtracting(context.committed.map(\.slice)) == [due[bad]])
        }
    }

    @Test func analyticsWithoutKeysAndTotalRevertNoUsage() async throws {
        let day = SliceID(period: try #require(UTCDay("2026-06-15")).period)
        let first = KeptVisit(now: try moment("2026-06-15T10:00:00Z"), due: [day])
        try await VeniceAnalyticsSource(
            api: ScriptedVenice { _, _ in
                veniceAnswer("{\"byKey\":[{\"description\":\"a\",\"totalUsd\":3}]}")
            }
        ).sync(first)
        let second = KeptVisit(now: try moment("2026-06-15T11:00:00Z"), due: [day], after: first)
        await #expect(throws: SourceFailure.self) {
            try await VeniceAnalyticsSource(api: ScriptedVenice { _, _ in veniceAnswer("{\"byKey\":[]}") })
                .sync(second)
        }
        #expect(second.committed.isEmpty)
        let third = KeptVisit(now: try moment("2026-06-15T12:00:00Z"), due: [day], after: first)
        let zero = "{\"byKey\":[],\"byDate\":[{\"date\":\"2026-06-15\",\"USD\":0,\"DIEM\":0}]}"
        try await VeniceAnalyticsSource(api: ScriptedVenice { _, _ in veniceAnswer(zero) }).sync(third)
        #expect(third.sum(.keyCost) == .zero)
    }
}
