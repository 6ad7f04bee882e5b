import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// `activity`, which is read where analytics does not exist.
@Suite struct OpenRouterActivityTests {
    private let now = Timestamp(seconds: 1_793_625_600)  // 2026-11-02T13:20:00Z
    private var yesterday: UTCDay { now.day.advanced(by: -1) }

    private static func row(_ day: UTCDay, model: String, usage: String, requests: Int = 1, more: String = "") -> String
    {
        """
        {"date":"\(day)","model":"acme/demo","model_permaslug":"\(model)","endpoint_id":"e","provider_name":"P",\
        "usage":\(usage),"byok_usage_inference":0.012,"requests":\(requests),"prompt_tokens":50,"completion_tokens":125,\
        "reasoning_tokens":25\(more)}
        """
    }

    /// An account whose key `a` has all but a quarter dollar of each day.
    private func world() -> OpenRouterWorld {
        let world = OpenRouterWorld()
        world.change { state in
            state.keys = [("aa", "a")]
            state.status["/api/v1/analytics/query"] = 404
            state.activity = { request in
                let days =
                    request.query["date"].flatMap { UTCDay($0) }.map { [$0] }
                    ?? Array(
                        Timestamp(seconds: 1_793_625_600).day.advanced(by: -30)...Timestamp(seconds: 1_793_625_600).day)
                let isKey = request.query["api_key_hash"] != nil
                let rows = days.map {
                    Self.row($0, model: "acme/demo-9", usage: isKey ? "0.75" : "1", requests: isKey ? 3 : 5)
                }
                return "{\"data\":[\(rows.joined(separator: ","))]}"
            }
        }
        return world
    }

    @Test("each field of the documented example is a cell of the day's first hour")
    func fields() async throws {
        let visit = StoredVisit(now: now, days: 1, by: .hour)
        #expect(await visit.sync(world().api) == nil)
        let slice = SliceID(period: Period(start: yesterday.start, end: yesterday.start + .hours(1)))
        let labels = ["a", "acme/demo-9"]
        let cells = Set(try await visit.cells(of: slice))
        #expect(
            cells.isSuperset(of: [
                Cell(.cost, labels, try decimal("0.75")), Cell(.keyCost, ["a"], try decimal("0.75")),
                Cell(.openRouterOwnKeyCost, labels, try decimal("0.012")), Cell(.requests, labels, ExactDecimal(3)),
                Cell(.tokens, labels + ["input"], ExactDecimal(50)),
                Cell(.tokens, labels + ["output"], ExactDecimal(125)),
                Cell(.cost, ["", "acme/demo-9"], try decimal("0.25")),
                Cell(.requests, ["", "acme/demo-9"], ExactDecimal(2)),
                Cell(.reconciliation, [], .zero),
            ]))
        #expect(visit.sum(.cost, on: yesterday) == ExactDecimal(1))
    }

    @Test("many days are one request for the account and one for each key; the open day is never requested")
    func requests() async throws {
        let (world, visit) = (world(), StoredVisit(now: now, days: 30, by: .hour))
        let api = world.api
        #expect(await visit.sync(api) == nil)
        #expect(
            api.takeQueries() == [
                "total hour 2026-10-03T00…2026-11-02T13", "/api/v1/activity", "/api/v1/activity?api_key_hash=aa",
            ])
        #expect(visit.sum(.cost) == ExactDecimal(30))
        // Nothing of today is known, and nothing says that it is empty.
        #expect(visit.dueSlices.filter { $0.lastRead == nil }.allSatisfy { $0.slice.period.start.day == now.day })
        #expect(visit.sum(.cost, on: now.day) == .zero)
        visit.advance(by: .hours(11) - .minutes(10))
        #expect(await visit.sync(api) == nil)
        #expect(api.takeQueries() == ["/api/v1/activity", "/api/v1/activity?api_key_hash=aa"])
        // A day that ended twenty minutes ago is due again, and no other.
        visit.advance(by: .minutes(15))
        #expect(await visit.sync(api) == nil)
        #expect(
            api.takeQueries() == [
                "/api/v1/activity?date=2026-11-02", "/api/v1/activity?api_key_hash=aa&date=2026-11-02",
            ])
        #expect(visit.sum(.cost) == ExactDecimal(31))
    }

    @Test("analytics is tried again after a day, and days that were read as a whole stay days")
    func returns() async throws {
        let (world, visit) = (world(), StoredVisit(now: now, days: 2, by: .hour))
        let api = world.api
        #expect(await visit.sync(api) == nil)
        #expect(visit.memories["analytics next"] == (now + .days(1)).description)
        world.change { state in
            state.status = [:]
            for back in 1...30 {
                let start = Timestamp(seconds: 1_793_625_600).startOfHour + .days(2) - .hours(back)
                state.rows.append(.init(hour: start, key: "a", cost: "0.125"))
            }
        }
        _ = api.takeQueries()
        visit.advance(by: .hours(20))
        #expect(await visit.sync(api) == nil)
        #expect(!api.takeQueries().contains { $0.contains("hour") })
        visit.advance(by: .hours(5))
        #expect(await visit.sync(api) == nil)
        #expect(visit.memories["analytics next"] == nil)
        // Hours again, from the day that no report of days had.
        let queries = api.takeQueries()
        #expect(queries.contains { $0.hasPrefix("hour 2026-11-03T") })
        #expect(!queries.contains { $0.hasPrefix("hour 2026-11-01") })
        #expect(visit.sum(.cost, on: yesterday) == ExactDecimal(1))
    }

    @Test("a day that analytics read in part becomes the whole day, and counts nothing twice")
    func transition() async throws {
        let world = OpenRouterWorld()
        let today = now.day
        world.change { $0.keys = [("aa", "a")] }
        world.add(now.startOfHour - .hours(3), "a", cost: "0.5")
        let (api, visit) = (world.api, StoredVisit(now: now, by: .hour))
        #expect(await visit.sync(api) == nil)
        world.change { state in
            state.status["/api/v1/analytics/query"] = 404
            state.activity = { request in
                "{\"data\":[\(Self.row(today, model: "acme/demo-9", usage: "0.875", requests: 2))]}"
            }
        }
        visit.advance(by: .hours(12))
        #expect(await visit.sync(api) == nil)
        #expect(visit.sum(.cost, on: today) == (try decimal("0.875")))
        #expect(visit.sum(.cost) { $0 == ["a", "acme/demo-9"] } == (try decimal("0.875")))
        #expect(visit.remarks.contains { $0.contains("activity is read") })
    }

    @Test("cached tokens that analytics had counted are not counted again as input")
    func cachedTokens() async throws {
        let world = OpenRouterWorld()
        let today = now.day
        world.change { $0.keys = [("aa", "a")] }
        // A row of the bench has 100 tokens, 40 of which were cached.
        world.add(now.startOfHour - .hours(3), "a", cost: "0.5")
        let (api, visit) = (world.api, StoredVisit(now: now, by: .hour))
        #expect(await visit.sync(api) == nil)
        world.change { state in
            state.status["/api/v1/analytics/query"] = 404
            state.activity = { request in
                let row = Self.row(today, model: "acme/demo-9", usage: "0.875", requests: 2)
                return "{\"data\":[\(row.replacing("\"prompt_tokens\":50", with: "\"prompt_tokens\":150"))]}"
            }
        }
        visit.advance(by: .hours(12))
        #expect(await visit.sync(api) == nil)
        let labels = ["a", "acme/demo-9"]
        #expect(
            visit.values(.tokens, on: today) == [
                labels + ["input"]: ExactDecimal(110), labels + ["cache_input"]: ExactDecimal(40),
                labels + ["output"]: ExactDecimal(125),
            ])
    }

    @Test("a day whose keys have more requests than the account fails and stays, and the others are committed")
    func ignoredFilter() async throws {
        let (world, visit) = (world(), StoredVisit(now: now, days: 2, by: .hour))
        let doubtful = yesterday
        let api = world.api
        world.change { state in
            let inner = state.activity
            // The parts of two keys are all that the account has.
            state.keys = [("aa", "a"), ("bb", "b")]
            state.activity = { request in
                let row = Self.row(doubtful, model: "acme/demo-9", usage: "1", requests: 5)
                let part = Self.row(doubtful, model: "acme/demo-9", usage: "0.75", requests: 3)
                if request.query["api_key_hash"] == "bb" { return "{\"data\":[\(row)]}" }
                return inner(request).replacing(part, with: row)
            }
        }
        let failure = await visit.sync(api)
        #expect(failure is PartialFailure && failure?.reason == .decode)
        #expect(visit.sum(.cost, on: doubtful) == .zero)
        #expect(visit.sum(.cost, on: doubtful.advanced(by: -1)) == ExactDecimal(1))
        // The days are not read again one by one.
        #expect(api.takeQueries().filter { $0.hasPrefix("/api/v1/activity") }.count == 3)
    }

    @Test("where neither exists, the source fails", arguments: [true, false])
    func neither(hasKeys: Bool) async throws {
        let world = world()
        world.change { state in
            state.status["/api/v1/activity"] = 404
            if !hasKeys { state.status["/api/v1/keys"] = 404 }
        }
        let visit = StoredVisit(now: now, days: 2, by: .hour)
        #expect(await visit.sync(world.api)?.reason == .http4xx)
        #expect(visit.memories["analytics next"] == nil)
    }

    @Test(
        "a row without its money or with a negative count is a failure",
        arguments: [
            ("\"usage\":1,", ""), ("\"usage\":1,", "\"usage\":null,"), ("\"requests\":5", "\"requests\":-5"),
            ("\"date\":\"", "\"date\":\"x"),
        ])
    func otherForms(written: String, instead: String) async throws {
        let (world, visit) = (world(), StoredVisit(now: now, days: 1, by: .hour))
        world.change { state in
            let inner = state.activity
            state.activity = { inner($0).replacing(written, with: instead) }
        }
        #expect(await visit.sync(world.api)?.reason == .decode)
        #expect(visit.sum(.cost) == .zero)
    }
}
