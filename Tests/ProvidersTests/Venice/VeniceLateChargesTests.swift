import NIOConcurrencyHelpers
import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests that days whose totals changed after the re-read schedule ended are read again.
@Suite struct VeniceLateChargesTests {
    /// An API with one image at 10:00 of each day, whose totals a test sets.
    private final class API: Sendable {
        let usd = NIOLockedValueBox<[String: String]>(["2026-06-05": "10", "2026-06-15": "3"])
        let failure = NIOLockedValueBox<Int?>(nil)
        let amount = NIOLockedValueBox("-1")

        func scripted() -> ScriptedVenice {
            ScriptedVenice { _ in
                if let status = self.failure.withLockedValue({ $0 }) { throw refusal(status) }
                let days = self.usd.withLockedValue { $0 }.sorted { $0.key < $1.key }.map {
                    "{\"date\":\"\($0.key)\",\"USD\":\($0.value),\"DIEM\":\"0\"}"
                }
                return veniceAnswer("{\"byKey\":[],\"byDate\":[\(days.joined(separator: ","))]}")
            } _: { call, _ in
                let amount = self.amount.withLockedValue { $0 }
                if call.path.hasSuffix("usage-analytics") {
                    return veniceAnswer("{\"byKey\":[{\"description\":\"a\",\"totalUsd\":\(amount.dropFirst())}]}")
                }
                let isOld = call.query.contains("2026-06-04T23")
                let rows = isOld ? row("2026-06-05T10:00:00Z", amount: amount) : ""
                return veniceAnswer("{\"data\":[\(rows)],\"nextCursor\":null}")
            }
        }
    }

    private func hours(_ day: String) throws -> [SliceID] {
        let start = try moment(day)
        return (0..<24).reversed().map {
            SliceID(period: Period(start: start + .hours($0), end: start + .hours($0 + 1)))
        }
    }

    private func context(_ time: String, after earlier: KeptVisit? = nil) throws -> KeptVisit {
        let now = try moment(time)
        let open = SliceID(period: Period(start: now.startOfHour, end: now.startOfHour + .hours(1)))
        return KeptVisit(now: now, due: [open], reopenable: try hours("2026-06-05"), after: earlier)
    }

    @Test func dayWhoseTotalChangedIsReadAgainOnceAsOneRun() async throws {
        let world = API()
        let api = world.scripted()
        let source = VeniceUsageSource(api: api, setting: .usageHistory)
        var last = try context("2026-06-15T10:00:00Z")
        try await source.sync(last)
        #expect(
            api.totalsAsked == ["/api/v1/billing/usage-analytics?startDate=2026-05-16&endDate=2026-06-15"])
        #expect(api.asked.count == 1)

        world.usd.withLockedValue { $0["2026-06-05"] = "12" }
        world.amount.withLockedValue { $0 = "-3" }
        // With a sync each minute, the totals are queried once an hour.
        for minute in 1..<60 {
            last = try context("2026-06-15T10:\(minute < 10 ? "0" : "")\(minute):00Z", after: last)
            try await source.sync(last)
        }
        #expect(api.totalsAsked.count == 1)
        #expect(api.asked.count == 60)

        last = try context("2026-06-15T11:00:00Z", after: last)
        try await source.sync(last)
        #expect(api.totalsAsked.count == 2)
        #expect(api.asked.count == 62)
        let span = "startTimestamp=2026-06-04T23%3A55%3A00Z&endTimestamp=2026-06-06T00%3A00%3A00Z&pageSize=1000"
        #expect(api.asked.last?.hasSuffix(span) == true)
        #expect(last.committed.count == 25)
        #expect(last.sum(.cost) == ExactDecimal(3))

        last = try context("2026-06-15T12:00:00Z", after: last)
        try await source.sync(last)
        #expect(api.totalsAsked.count == 3)
        #expect(api.asked.count == 63)
    }

    @Test func floatingPointErrorsAndTodayAreNotChanges() async throws {
        let world = API()
        let api = world.scripted()
        let source = VeniceUsageSource(api: api, setting: .usageHistory)
        let first = try context("2026-06-15T10:00:00Z")
        try await source.sync(first)
        world.usd.withLockedValue {
            $0["2026-06-05"] = "10.000000000000002"
            $0["2026-06-15"] = "7"
        }
        try await source.sync(try context("2026-06-15T11:00:00Z", after: first))
        #expect(api.asked.count == 2)
    }

    @Test func dayThatIsNewInTheTotalsIsAChange() async throws {
        let world = API()
        world.usd.withLockedValue { $0["2026-06-05"] = nil }
        let api = world.scripted()
        let source = VeniceUsageSource(api: api, setting: .usageHistory)
        let first = try context("2026-06-15T10:00:00Z")
        try await source.sync(first)
        world.usd.withLockedValue { $0["2026-06-05"] = "1" }
        let second = try context("2026-06-15T11:00:00Z", after: first)
        try await source.sync(second)
        #expect(second.sum(.cost) == ExactDecimal(1))
        // Missing in the list again: not a change.
        world.usd.withLockedValue { $0["2026-06-05"] = nil }
        let third = try context("2026-06-15T12:00:00Z", after: second)
        try await source.sync(third)
        #expect(third.committed.count == 1)
    }

    @Test func unreadableChangedDayIsRetriedAtTheNextQuery() async throws {
        let world = API()
        let api = world.scripted()
        let source = VeniceUsageSource(api: api, setting: .usageHistory)
        var last = try context("2026-06-15T10:00:00Z")
        try await source.sync(last)
        world.usd.withLockedValue { $0["2026-06-05"] = "12" }
        world.amount.withLockedValue { $0 = "\"?\"" }
        last = try context("2026-06-15T11:00:00Z", after: last)
        await #expect(throws: PartialFailure.self) { try await source.sync(last) }
        world.amount.withLockedValue { $0 = "-3" }
        last = try context("2026-06-15T11:01:00Z", after: last)
        try await source.sync(last)
        #expect(last.sum(.cost) == .zero)
        last = try context("2026-06-15T12:00:00Z", after: last)
        try await source.sync(last)
        #expect(last.sum(.cost) == ExactDecimal(3))
    }

    @Test(arguments: [401, 403, 404, 410, 429, 504])
    func failedQueryNeverFailsTheSyncAndPausesForSixHours(status: Int) async throws {
        let world = API()
        world.failure.withLockedValue { $0 = status }
        let api = world.scripted()
        let source = VeniceUsageSource(api: api, setting: .usageHistory)
        var last = try context("2026-06-15T06:00:00Z")
        try await source.sync(last)
        #expect(last.committed.count == 1)
        #expect(last.remarks.count == ([404, 410].contains(status) ? 0 : 1))
        for hour in 7...11 {
            last = try context("2026-06-15T\(hour < 10 ? "0" : "")\(hour):00:00Z", after: last)
            try await source.sync(last)
        }
        #expect(api.totalsAsked.count == 1)
        last = try context("2026-06-15T12:00:00Z", after: last)
        try await source.sync(last)
        #expect(api.totalsAsked.count == 2)
    }

    @Test func aResponseOfAnotherFormNeverFailsTheSync() async throws {
        let api = ScriptedVenice { _ in
            veniceAnswer("{\"error\":\"busy\"}")
        } _: { _, _ in
            veniceAnswer("{\"data\":[],\"nextCursor\":null}")
        }
        let context = try context("2026-06-15T10:00:00Z")
        try await VeniceUsageSource(api: api, setting: .usageHistory).sync(context)
        #expect(context.committed.count == 1)
        #expect(context.remarks.count == 1)
    }

    @Test func clockThatWasAheadDoesNotDelayTheQuery() async throws {
        let api = API().scripted()
        let source = VeniceUsageSource(api: api, setting: .usageHistory)
        let ahead = try context("2026-06-25T10:00:00Z")
        try await source.sync(ahead)
        try await source.sync(try context("2026-06-15T10:00:00Z", after: ahead))
        #expect(api.totalsAsked.count == 2)
    }

    @Test func analyticsReadTheirChangedDaysAgain() async throws {
        let world = API()
        let api = world.scripted()
        let source = VeniceAnalyticsSource(api: api)
        let old = SliceID(period: try #require(UTCDay("2026-06-05")).period)
        func context(_ time: String, after earlier: KeptVisit? = nil) throws -> KeptVisit {
            let now = try moment(time)
            return KeptVisit(
                now: now, due: [SliceID(period: now.day.period)], reopenable: [old], after: earlier)
        }
        var last = try context("2026-06-15T10:00:00Z")
        try await source.sync(last)
        world.usd.withLockedValue { $0["2026-06-05"] = "12" }
        world.amount.withLockedValue { $0 = "-12" }
        for minute in [10, 20, 30, 40, 50] {
            last = try context("2026-06-15T10:\(minute):00Z", after: last)
            try await source.sync(last)
        }
        #expect(api.totalsAsked.count == 1)
        #expect(api.asked.count == 6)
        last = try context("2026-06-15T11:00:00Z", after: last)
        try await source.sync(last)
        #expect(api.totalsAsked.count == 2)
        #expect(api.asked.count == 8)
        #expect(last.committed.map(\.slice) == [SliceID(period: last.now.day.period), old])
        #expect(last.committed.last?.cells.contains(Cell(.keyCost, ["a"], ExactDecimal(12))) == true)
    }

    @Test func storedStateIsBounded() async throws {
        let world = API()
        world.usd.withLockedValue { usd in
            for day in 1...300 { usd["\(UTCDay(daysSinceEpoch: 20_400 + day))"] = "\(day)" }
        }
        let api = world.scripted()
        let source = VeniceUsageSource(api: api, setting: .usageHistory)
        var last = try context("2026-06-15T10:00:00Z")
        for day in 16...30 {
            try await source.sync(last)
            last = try context("2026-06-\(day)T10:00:00Z", after: last)
        }
        #expect((last.memory[VeniceLateCharges.memoryName] ?? "").utf8.count < 2000)
    }
}
