import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// The queries of a sync of `analytics`, and its behavior where they fail or are cut off.
@Suite struct OpenRouterAnalyticsSourceTests {
    private let now = Timestamp(seconds: 1_793_625_600)  // 2026-11-02T13:20:00Z
    private var hour: Timestamp { now.startOfHour }

    private func visit(days: Int = 0) -> StoredVisit { StoredVisit(now: now, days: days, by: .hour) }

    @Test("a first start of 30 days sends one query of totals and one for each four days")
    func firstStart() async throws {
        let world = OpenRouterWorld()
        for day in 0...30 { world.add(hour - .days(day) - .hours(3), "a", cost: "0.5") }
        let (api, visit) = (world.api, visit(days: 30))
        #expect(await visit.sync(api) == nil)
        #expect(visit.sum(.cost) == (try decimal("15.5")))
        let queries = api.takeRequests()
        #expect(queries.filter { $0.hasPrefix("total") }.count == 1)
        #expect(queries.filter { $0.hasPrefix("hour") }.count == 8)
        // The published limit is 64 in a minute.
        #expect(OpenRouter.requestsPerMinute.map { $0 <= 64 } == true)
        // Keys, workspaces and the lifetime total; with the sources `credits` and `keys` 3 more.
        #expect(queries.count == 12)
        #expect(visit.dueSlices.map(\.slice.period.start) == [hour])
    }

    @Test("a sync with nothing new sends two requests, and one query for each run of hours that are due")
    func requests() async throws {
        let world = OpenRouterWorld()
        let (api, visit) = (world.api, visit(days: 2))
        #expect(await visit.sync(api) == nil)
        _ = api.takeRequests()
        visit.advance(by: .minutes(5))
        #expect(await visit.sync(api) == nil)
        #expect(
            api.takeRequests() == ["total hour 2026-11-02T13…2026-11-02T13", "hour 2026-11-02T13…2026-11-02T13"])
        visit.advance(by: .minutes(36))
        #expect(await visit.sync(api) == nil)
        // The open hour and the one before; two that ended an hour, six hours and a day ago.
        #expect(api.takeQueries().filter { $0.hasPrefix("hour") }.count <= 6)
    }

    @Test("keys are listed each hour, and at once for a new name, but not again for the name of a deleted key")
    func names() async throws {
        let world = OpenRouterWorld()
        let (api, visit) = (world.api, visit())
        func lists(after minutes: Int) async -> Int {
            visit.advance(by: .minutes(minutes))
            #expect(await visit.sync(api) == nil)
            return api.takeRequests().count { $0.hasPrefix("/api/v1/keys") }
        }
        #expect(await lists(after: 0) == 1)
        world.add(hour, "a", cost: "1")
        #expect(await lists(after: 5) == 0)
        world.change { $0.keys.append(("cc", "new")) }
        world.add(hour, "new", cost: "1")
        #expect(await lists(after: 5) == 1)
        world.add(hour, "deleted", cost: "1")
        #expect(await lists(after: 5) == 1)
        #expect(await lists(after: 5) == 0)
        #expect(await lists(after: 55) == 1)
        #expect(await lists(after: 5) == 0)
        #expect(visit.sum(.keyCost) { $0 == ["new"] } == ExactDecimal(1))
    }

    @Test("the rows of one query show how many hours fit into the next")
    func density() async throws {
        let world = OpenRouterWorld()
        for back in 0..<12 { world.add(hour - .hours(back), "a", cost: "1") }
        let inner = world.api
        // Two hours fit; each of the newest four has 4500 rows.
        func dense(_ start: Timestamp) -> String {
            openRouterBody(
                (0..<9000).map { openRouterRow(start + .hours($0 % 2), "a", "m\($0)", cost: "0") })
        }
        let bodies = [hour - .hours(1): dense(hour - .hours(1)), hour - .hours(3): dense(hour - .hours(3))]
        let truncated = openRouterBody([], truncated: true)
        let api = OpenRouterBench { request in
            guard request.isSplit else { return try inner.body(of: request) }
            if request.range.end - request.range.start > .hours(2) { return truncated }
            return try bodies[request.range.start] ?? inner.body(of: request)
        }
        let visit = visit()
        #expect(await visit.sync(api) == nil)
        let queries = api.takeQueries().filter { $0.hasPrefix("hour") }.map { $0.replacing("2026-11-02T", with: "") }
        // Not 07…10, which would have 13500 rows.
        #expect(
            queries.prefix(7) == [
                "hour 00…13", "hour 07…13", "hour 10…13", "hour 12…13", "hour 10…12", "hour 08…10", "hour 07…08",
            ])
        #expect(visit.dueSlices.count == 1)
    }

    @Test("at midnight, the day's first hour is not queried before any of it has passed")
    func midnight() async throws {
        let world = OpenRouterWorld()
        let (api, visit) = (world.api, StoredVisit(now: now.day.start, by: .hour))
        #expect(await visit.sync(api) == nil)
        #expect(api.takeQueries().isEmpty)
        #expect(visit.dueSlices.count == 1)
        let later = StoredVisit(now: now.day.start, days: 1, by: .hour)
        #expect(await later.sync(api) == nil)
        #expect(api.takeQueries() == ["total hour 2026-11-01T00…2026-11-02T00", "hour 2026-11-01T00…2026-11-02T00"])
    }

    @Test("a truncated response is halved until it is whole, and never counted")
    func truncated() async throws {
        let world = OpenRouterWorld()
        for back in 0..<8 { world.add(hour - .hours(back), "a", cost: "1") }
        world.change { $0.mostRows = 3 }
        let (api, visit) = (world.api, visit())
        #expect(await visit.sync(api) == nil)
        #expect(visit.sum(.cost) == ExactDecimal(8))
        #expect(visit.sum(.reconciliation) == .zero)
        #expect(visit.dueSlices.count == 1)
        // None of the readings holds a part of an hour.
        #expect(visit.readings.flatMap(\.slices).filter { !$0.cells.isEmpty }.count >= 8)
        #expect(api.takeQueries().count < 16)
    }

    @Test("a truncated hour is read key by key, and the rest of its total has no key")
    func keyByKey() async throws {
        let world = OpenRouterWorld()
        let past = hour - .hours(2)
        for (key, hash) in [("a", "aa"), ("b", "bb")] {
            for model in 0..<3 { world.add(past, key, cost: "0.25", model: "m\(model)", hash: hash) }
        }
        world.add(past, "web chat", cost: "0.125", model: "m0")
        world.change { $0.mostRows = 3 }
        let (api, visit) = (world.api, visit())
        #expect(await visit.sync(api) == nil)
        #expect(visit.sum(.keyCost) { $0 == ["a"] } == (try decimal("0.75")))
        #expect(visit.sum(.keyCost) { $0 == ["b"] } == (try decimal("0.75")))
        #expect(visit.sum(.cost) { $0 == ["", ""] } == (try decimal("0.125")))
        #expect(visit.sum(.requests) == ExactDecimal(7))
        #expect(visit.sum(.reconciliation) == .zero)
        #expect(api.takeQueries().filter { $0.hasSuffix("aa") || $0.hasSuffix("bb") }.count == 2)
    }

    @Test("a truncated hour that cannot be read key by key fails, and the others are committed")
    func unreadableHour() async throws {
        let world = OpenRouterWorld()
        let past = hour - .hours(2)
        for model in 0..<5 { world.add(past, "a", cost: "1", model: "m\(model)", hash: "aa") }
        world.add(hour - .hours(4), "a", cost: "2")
        world.change { $0.mostRows = 3 }
        let (api, visit) = (world.api, visit())
        let failure = await visit.sync(api)
        #expect(failure is PartialFailure && failure?.reason == .decode)
        #expect(visit.sum(.cost) == ExactDecimal(2))
        #expect(visit.dueSlices.filter { $0.lastRead == nil }.map(\.slice.period.start) == [past])
    }

    @Test("a query that times out is halved, with 408 or without a response", arguments: [false, true])
    func timeOut(hangs: Bool) async throws {
        let world = OpenRouterWorld()
        for back in 0..<12 { world.add(hour - .hours(back), "a", cost: "1") }
        world.change {
            $0.mostHours = 4
            $0.hangs = hangs
        }
        let (api, visit) = (world.api, visit())
        #expect(await visit.sync(api) == nil)
        #expect(visit.sum(.cost) == ExactDecimal(12))
        world.change { $0.mostHours = 0 }
        visit.advance(by: .minutes(5))
        #expect(await visit.sync(api)?.reason == .timeout)
    }

    @Test("hours that cannot be decoded do not stop the others")
    func undecodableHour() async throws {
        let world = OpenRouterWorld()
        let past = hour - .hours(5)
        world.add(past, "a", cost: "0.5")
        world.add(hour, "a", cost: "0.25")
        world.add(hour - .hours(9), "a", cost: "0.25")
        let inner = world.api
        let api = OpenRouterBench { request in
            let body = try inner.body(of: request)
            return request.isSplit ? body.replacing("\"credits_usage\":0.5", with: "\"credits_usage\":\"x\"") : body
        }
        let visit = visit()
        let failure = await visit.sync(api)
        #expect(failure is PartialFailure && failure?.reason == .decode)
        #expect(visit.sum(.cost) == (try decimal("0.5")))
        #expect(visit.dueSlices.filter { $0.lastRead == nil }.map(\.slice.period.start) == [past])
    }

    @Test("hours that are refused far back are read as days, and stay days")
    func farBack() async throws {
        let world = OpenRouterWorld()
        for day in 0...45 { world.add(hour.day.start - .days(day) + .hours(9), "a", cost: "0.5") }
        world.change { [now] in $0.hoursSince = now - .days(31) }
        let (api, visit) = (world.api, visit(days: 45))
        #expect(await visit.sync(api) == nil)
        #expect(visit.sum(.cost) == ExactDecimal(23))
        #expect(visit.dueSlices.map(\.slice.period.start) == [hour])
        let early = now.day.advanced(by: -40)
        let first = try await visit.cells(of: SliceID(period: Period(start: early.start, end: early.start + .hours(1))))
        #expect(first.contains(Cell(.keyCost, ["a"], try decimal("0.5"))))
        #expect(api.takeQueries().count <= 40)
        #expect(await visit.sync(api) == nil)
        #expect(visit.sum(.cost) == ExactDecimal(23))
    }

    @Test("a query that is refused within 31 days is a failure")
    func refused() async throws {
        let world = OpenRouterWorld()
        world.change { $0.status["/api/v1/analytics/query"] = 400 }
        #expect(await visit(days: 3).sync(world.api)?.reason == .http4xx)
    }

    @Test(
        "the key's permission, the rate limit and errors of the API are reported as they are",
        arguments: [
            (401, FailureReason.auth), (403, .auth), (429, .rateLimited), (500, .http5xx), (410, .gone),
        ])
    func failures(status: Int, reason: FailureReason) async throws {
        let world = OpenRouterWorld()
        world.change { state in
            for path in ["analytics/query", "activity", "keys", "workspaces", "credits"] {
                state.status["/api/v1/\(path)"] = status
            }
        }
        let visit = visit(days: 1)
        let failure = await visit.sync(world.api)
        #expect(failure?.reason == reason)
        #expect(!(failure is PartialFailure))
        #expect(visit.readings.flatMap(\.slices).isEmpty)
    }

    @Test("without totals the hours are read, and an hour that lost its usage keeps it")
    func withoutTotals() async throws {
        let world = OpenRouterWorld()
        world.add(hour, "a", cost: "3")
        world.change { $0.refusesTotals = true }
        let (api, visit) = (world.api, visit())
        #expect(await visit.sync(api) == nil)
        #expect(visit.sum(.cost) == ExactDecimal(3))
        world.change { $0.rows = [] }
        visit.advance(by: .minutes(5))
        #expect(await visit.sync(api)?.reason == .decode)
        #expect(visit.sum(.cost) == ExactDecimal(3))
    }

    @Test("usage that no row lists is in the total's remainder, which the reconciliation shows")
    func remainder() async throws {
        let world = OpenRouterWorld()
        let past = hour - .hours(1)
        world.add(past, "a", cost: "1")
        let inner = world.api
        let api = OpenRouterBench { request in
            try inner.body(of: request).replacing(
                "\"request_count\":\"1\"", with: request.isSplit ? "\"request_count\":\"1\"" : "\"request_count\":\"3\""
            )
            .replacing(
                "\"credits_usage\":1,", with: request.isSplit ? "\"credits_usage\":1," : "\"credits_usage\":1.5,")
        }
        let visit = visit()
        #expect(await visit.sync(api) == nil)
        #expect(visit.sum(.cost) { $0 == ["", ""] } == (try decimal("0.5")))
        #expect(visit.sum(.requests) { $0 == ["", ""] } == ExactDecimal(2))
        #expect(visit.sum(.reconciliation) == (try decimal("0.5")))
        // The row comes later: what was counted without labels stays there, and the sum does not grow.
        world.add(past, "b", cost: "0.5")
        world.change { $0.rows[1].requests = 2 }
        visit.advance(by: .minutes(45))
        #expect(await visit.sync(world.api) == nil)
        #expect(visit.sum(.cost) == (try decimal("1.5")))
        #expect(visit.sum(.cost) { $0 == ["", ""] } == (try decimal("0.5")))
        #expect(visit.sum(.reconciliation) == .zero)
    }

    @Test("parts beyond the total are shown as a negative difference")
    func partsBeyondTotal() async throws {
        let world = OpenRouterWorld()
        world.add(hour - .hours(1), "a", cost: "1.25")
        world.change { $0.hidesTotals = true }
        let visit = visit()
        #expect(await visit.sync(world.api) == nil)
        #expect(visit.sum(.cost) == (try decimal("1.25")))
        #expect(visit.sum(.reconciliation) == (try decimal("-1.25")))
    }

    @Test("a renamed key keeps its former name in the hours that were read under it")
    func rename() async throws {
        let world = OpenRouterWorld()
        world.add(hour, "a", cost: "1")
        let (api, visit) = (world.api, visit())
        #expect(await visit.sync(api) == nil)
        world.change { state in
            state.keys = [("aa", "z"), ("bb", "b")]
            state.rows[0].key = "z"
            state.rows[0].cost = "4"
        }
        visit.advance(by: .minutes(10))
        #expect(await visit.sync(api) == nil)
        #expect(visit.sum(.keyCost) { $0 == ["a"] } == ExactDecimal(4))
        world.add(hour + .hours(1), "z", cost: "8")
        visit.advance(by: .hours(1))
        #expect(await visit.sync(api) == nil)
        #expect(visit.sum(.keyCost) { $0 == ["a"] } == ExactDecimal(4))
        #expect(visit.sum(.keyCost) { $0 == ["z"] } == ExactDecimal(8))
    }

    @Test("a key whose name is that of another one, or that was deleted, keeps what was counted")
    func lostNames() async throws {
        let world = OpenRouterWorld()
        world.add(hour, "a", cost: "1")
        world.add(hour, "b", cost: "2")
        let (api, visit) = (world.api, visit())
        #expect(await visit.sync(api) == nil)
        world.change { state in
            state.keys = [("aa", "b"), ("bb", "b")]
            state.rows[0].key = "b"
            state.rows[0].cost = "1.5"
        }
        visit.advance(by: .minutes(10))
        #expect(await visit.sync(api) == nil)
        #expect(visit.sum(.keyCost) { $0 == ["a"] } == ExactDecimal(1))
        #expect(visit.sum(.keyCost) { $0 == ["b"] } == (try decimal("2.5")))
        // Deleted keys have no name.
        world.change { state in
            state.keys = []
            for index in state.rows.indices { state.rows[index].key = "" }
        }
        visit.advance(by: .minutes(10))
        #expect(await visit.sync(api) == nil)
        #expect(visit.sum(.keyCost) { $0 == ["a"] } == ExactDecimal(1))
        #expect(visit.sum(.keyCost) { $0 == ["b"] } == (try decimal("2.5")))
        #expect(visit.sum(.cost) == (try decimal("3.5")))
    }

    @Test("a deleted key whose rows are hidden keeps what was counted, in the open hour and after it")
    func hiddenKey() async throws {
        let world = OpenRouterWorld()
        world.add(hour, "a", cost: "5")
        world.add(hour, "b", cost: "1")
        let (api, visit) = (world.api, visit())
        #expect(await visit.sync(api) == nil)
        world.change { state in
            state.keys = [("bb", "b")]
            state.hiddenKeys = ["a"]
        }
        for minutes in [10, 45, 45] {
            visit.advance(by: .minutes(minutes))
            #expect(await visit.sync(api) == nil)
            #expect(visit.values(.keyCost) == [["a"]: ExactDecimal(5), ["b"]: ExactDecimal(1)])
            #expect(visit.sum(.requests) == ExactDecimal(2))
        }
        // What the API lists and its total still differ.
        #expect(visit.sum(.reconciliation) == ExactDecimal(5))
    }

    @Test("an hour that was read at once and then key by key counts usage without a key once")
    func laterKeyByKey() async throws {
        let world = OpenRouterWorld()
        world.add(hour, "a", cost: "1", hash: "aa")
        world.add(hour, "b", cost: "2", hash: "bb")
        world.add(hour, "", cost: "4", model: "chat")
        let (api, visit) = (world.api, visit())
        #expect(await visit.sync(api) == nil)
        world.change { $0.mostRows = 2 }
        for minutes in [10, 45] {
            visit.advance(by: .minutes(minutes))
            #expect(await visit.sync(api) == nil)
            #expect(visit.values(.keyCost) == [["a"]: ExactDecimal(1), ["b"]: ExactDecimal(2), [""]: ExactDecimal(4)])
            #expect(visit.sum(.cost) { $0 == ["", "chat"] } == ExactDecimal(4))
        }
    }

    @Test("late requests of a free model are found by the total of their hour")
    func lateRequests() async throws {
        let world = OpenRouterWorld()
        world.add(hour - .days(6), "a", cost: "0", model: "acme/demo:free")
        let (api, visit) = (world.api, visit(days: 10))
        #expect(await visit.sync(api) == nil)
        world.change { $0.rows[0].requests = 4 }
        visit.advance(by: .minutes(61))
        #expect(await visit.sync(api) == nil)
        #expect(visit.sum(.requests) == ExactDecimal(4))
        _ = api.takeQueries()
        visit.advance(by: .minutes(61))
        #expect(await visit.sync(api) == nil)
        #expect(!api.takeQueries().contains { $0.hasPrefix("hour 2026-10-27") })
    }

    @Test("a charge that comes after the schedule is found by the total of its hour")
    func lateCharge() async throws {
        let world = OpenRouterWorld()
        let past = hour - .days(6)
        world.add(past, "a", cost: "1")
        let (api, visit) = (world.api, visit(days: 10))
        #expect(await visit.sync(api) == nil)
        #expect(!visit.dueSlices.contains { $0.slice.period.start == past })
        world.change { $0.rows[0].cost = "1.75" }
        _ = api.takeQueries()
        visit.advance(by: .minutes(61))
        #expect(await visit.sync(api) == nil)
        #expect(visit.sum(.cost) == (try decimal("1.75")))
        #expect(
            api.takeQueries().contains(
                "hour \(past.description.prefix(13))…\((past + .hours(1)).description.prefix(13))"))
        visit.advance(by: .minutes(61))
        #expect(await visit.sync(api) == nil)
        #expect(
            !api.takeQueries().contains {
                $0.contains(" \(past.description.prefix(13))…\((past + .hours(1)).description.prefix(13))")
            })
    }

    @Test("a clock that was set back never reads less of the open hour")
    func clockSetBack() async throws {
        let world = OpenRouterWorld()
        let (api, visit) = (world.api, visit())
        #expect(await visit.sync(api) == nil)
        _ = api.takeQueries()
        visit.advance(by: .minutes(-15))
        #expect(await visit.sync(api) == nil)
        #expect(api.takeRequests().contains("hour 2026-11-02T13…2026-11-02T13"))
        #expect(visit.readings.last { !$0.slices.isEmpty }?.slices.map(\.readAt) == [now - .minutes(15)])
    }
}
