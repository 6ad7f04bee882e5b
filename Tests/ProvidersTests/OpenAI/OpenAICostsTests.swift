import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of `costs` against an organization with restated, incomplete or invalid days.
@Suite struct OpenAICostsTests {
    private static let now = Timestamp(milliseconds: 1_795_186_800_000)  // 2026-11-20T15:00:00Z

    private let api = ScriptedOpenAI(now: now)
    private let context = StoredVisit(now: now, days: 30)
    private let keys: OpenAIKeyDirectory

    init() {
        keys = OpenAIKeyDirectory(api: api, projects: [])
        api.change { $0.keys = ["proj_1": [("key_a", "alpha"), ("key_b", "beta")]] }
    }

    private func sync(_ projects: [String] = []) async throws {
        try await OpenAICostsSource(api: api, projects: projects, keys: keys).sync(context)
    }

    private func advance(by duration: Duration) {
        context.advance(by: duration)
        api.change { $0.now = $0.now + duration }
    }

    private func day(_ ago: Int) -> UTCDay { Self.now.day.advanced(by: -ago) }

    private func cost(_ key: String, _ model: String, on day: UTCDay? = nil) -> ExactDecimal {
        context.sum(.cost, on: day) { $0 == [key, model] }
    }

    @Test("the documented sample becomes cost by key and model, by key, and by line item")
    func sample() async throws {
        api.change {
            $0.costs[day(1)] = [
                .init(key: "key_a", item: "gpt-9-mini-2026-10-01, cached input", value: #""0.7310050000000000""#)
            ]
        }
        try await sync()
        let amount = ExactDecimal("0.731005")
        #expect(cost("alpha", "gpt-9-mini-2026-10-01", on: day(1)) == amount)
        #expect(context.sum(.keyCost, on: day(1)) { $0 == ["alpha"] } == amount)
        #expect(
            context.sum(.openAILineItemCost) { $0 == ["alpha", "gpt-9-mini-2026-10-01, cached input"] } == amount)
        #expect(context.sum(.reconciliation) == .zero)
        #expect(context.readings.flatMap(\.slices).flatMap(\.cells).contains { $0.family == .reconciliation })
    }

    private static let literals: [(String, String)] = [
        ("0.1000000000000000055511151231257827", "0.10000000000000000555"), (#""0.1""#, "0.1"),
        ("1.5e-7", "0.00000015"), (#""1.5E-7""#, "0.00000015"),
        ("12345678.123456789012345", "12345678.123456789012345"),
        (#""0.00000000000000000001""#, "0.00000000000000000001"), (#""0.000000000000000000004""#, "0"), ("7", "7"),
    ]

    @Test("amounts are exact as numbers, text and with an exponent, to 20 decimals", arguments: literals)
    func amounts(literal: String, expected: String) async throws {
        api.change { $0.costs[day(0)] = [.init(key: "key_a", item: "m, input", value: literal)] }
        try await sync()
        #expect(cost("alpha", "m").description == expected)
    }

    @Test("several decimals sum without rounding")
    func decimals() async throws {
        api.change {
            $0.costs[day(0)] = (0..<1000).map {
                .init(key: "key_a", item: "m, part \($0)", value: "0.000000000000000137")
            }
        }
        try await sync()
        #expect(cost("alpha", "m").description == "0.000000000000137")
    }

    @Test("the queries read all days in one page each, without an end in the future")
    func queries() async throws {
        try await sync()
        let start = day(30).start.milliseconds / 1000
        let query = "costs?start_time=\(start)&bucket_width=1d&limit=31"
        #expect(api.takeRequests() == [query, query + "&group_by[]=line_item&group_by[]=api_key_id"])
        advance(by: .minutes(5))
        try await sync(["proj_1", "proj_2"])
        let today = "costs?start_time=\(day(0).start.milliseconds / 1000)&bucket_width=1d&limit=1"
        let projects = "&project_ids[]=proj_1&project_ids[]=proj_2"
        #expect(
            api.takeRequests() == [
                today + projects, today + projects + "&group_by[]=line_item&group_by[]=api_key_id",
            ])
    }

    @Test("a range of past days ends at its last midnight, and 180 days are one range")
    func ranges() async throws {
        let long = StoredVisit(now: Self.now, days: 400)
        try await OpenAICostsSource(api: api, projects: [], keys: keys).sync(long)
        let requests = api.takeRequests().filter { !$0.contains("group_by") }
        func seconds(_ ago: Int) -> Int64 { day(ago).start.milliseconds / 1000 }
        #expect(
            requests == [
                "costs?start_time=\(seconds(179))&bucket_width=1d&limit=180",
                "costs?start_time=\(seconds(359))&end_time=\(seconds(179))&bucket_width=1d&limit=180",
                "costs?start_time=\(seconds(400))&end_time=\(seconds(359))&bucket_width=1d&limit=41",
            ])
    }

    @Test("a day that the provider restates replaces its figures, and negative rows stay in the sum")
    func restated() async throws {
        api.change {
            $0.costs[day(0)] = [
                .init(key: "key_a", item: "m, input", value: "5"), .init(key: "key_b", item: "m, input", value: "2"),
            ]
        }
        try await sync()
        #expect(context.sum(.cost) == ExactDecimal(7))
        api.change {
            $0.costs[day(0)] = [
                .init(key: "key_a", item: "m, input", value: "4"), .init(key: "key_b", item: "m, input", value: "2"),
                .init(key: nil, item: "credit", value: #""-1.5""#),
            ]
        }
        advance(by: .minutes(5))
        try await sync()
        #expect(context.sum(.cost) == ExactDecimal("4.5"))
        #expect(cost("", "") == ExactDecimal("-1.5"))
        #expect(context.sum(.keyCost) == ExactDecimal("4.5"))
        #expect(context.sum(.openAILineItemCost) { $0 == ["", "credit"] } == ExactDecimal("-1.5"))
        #expect(context.sum(.reconciliation) == .zero)
    }

    @Test("what the total has beyond its rows is a difference, and a day after its end it has no key and no model")
    func remainder() async throws {
        api.change {
            for ago in [0, 1, 2] {
                $0.costs[day(ago)] = [.init(key: "key_a", item: "m, input", value: "5")]
                $0.totals[day(ago)] = "5.25"
            }
        }
        try await sync()
        let extra = ExactDecimal("0.25") ?? .zero
        let countedByAge: [Int: ExactDecimal] = [0: .zero, 1: .zero, 2: extra]
        for (ago, counted) in countedByAge {
            #expect(cost("", "", on: day(ago)) == counted)
            #expect(context.sum(.keyCost, on: day(ago)) { $0 == [""] } == counted)
            #expect(context.sum(.openAILineItemCost, on: day(ago)) { $0 == ["", ""] } == counted)
            #expect(context.sum(.reconciliation, on: day(ago)) == extra)
        }
        // The total was read again, because it could have changed in between.
        #expect(api.takeRequests().filter { $0.hasPrefix("costs") }.count == 3)
    }

    @Test("what was counted without a key stays there when its rows are listed")
    func listedRemainder() async throws {
        api.change {
            $0.costs[day(2)] = [.init(key: "key_a", item: "m, input", value: "5")]
            $0.totals[day(2)] = "6"
        }
        let visit = StoredVisit(now: Self.now, days: 2)
        let source = OpenAICostsSource(api: api, projects: [], keys: keys)
        try await source.sync(visit)
        let counted: [[String]: ExactDecimal] = [["alpha", "m"]: ExactDecimal(5), ["", ""]: ExactDecimal(1)]
        #expect(visit.values(.cost, on: day(2)) == counted)
        // The rest appears in a new series, then that grows.
        let steps: [(String, ExactDecimal?)] = [("1", nil), ("1", nil), ("1.5", ExactDecimal("0.5"))]
        for (value, left) in steps {
            api.change {
                $0.costs[day(2)] = [
                    .init(key: "key_a", item: "m, input", value: "5"),
                    .init(key: "key_b", item: "m, input", value: value),
                ]
                $0.totals = [:]
            }
            // It is due again.
            var earlier = Reading()
            let slice = SliceID(period: day(2).period)
            earlier.slices = [
                SliceReading(slice, cells: try await visit.cells(of: slice), readAt: day(2).period.end)
            ]
            try await visit.commit(earlier)
            try await source.sync(visit)
            var expected = counted
            expected[["beta", "m"]] = left
            #expect(visit.values(.cost, on: day(2)) == expected)
            #expect(visit.sum(.openAILineItemCost, on: day(2)) { $0 == ["", ""] } == ExactDecimal(1))
            #expect(visit.sum(.openAILineItemCost, on: day(2)) == ExactDecimal(6) + (left ?? .zero))
            #expect(visit.sum(.keyCost, on: day(2)) == ExactDecimal(6) + (left ?? .zero))
            #expect(visit.sum(.reconciliation, on: day(2)) == .zero)
        }
    }

    @Test("rows that exceed the total are only shown as a difference")
    func excess() async throws {
        api.change {
            $0.costs[day(0)] = [.init(key: "key_a", item: "m, input", value: "5")]
            $0.totals[day(0)] = "4"
        }
        try await sync()
        #expect(context.sum(.cost) == ExactDecimal(5))
        #expect(context.sum(.reconciliation) == ExactDecimal(-1))
    }

    @Test("usage that arrives between the queries is neither a remainder nor a difference", arguments: [false, true])
    func arrival(continues: Bool) async throws {
        let arrivals = ScriptedOpenAI(now: Self.now)
        let today = day(0)
        arrivals.change { state in
            state.keys = ["proj_1": [("key_a", "alpha")]]
            state.costs[today] = [.init(key: "key_a", item: "m, input", value: "5")]
        }
        // The total, the rows, and the total again.
        let counting = AnsweringCosts(arrivals) { number in
            guard number == 1 || number > 1 && continues else { return }
            arrivals.change { $0.costs[today]?.append(.init(key: "key_a", item: "m, part \(number)", value: "1")) }
        }
        let visit = StoredVisit(now: Self.now)
        try await OpenAICostsSource(
            api: counting, projects: [], keys: OpenAIKeyDirectory(api: arrivals, projects: [])
        ).sync(visit)
        #expect(visit.sum(.cost) { $0 == ["", ""] } == .zero)
        #expect(visit.sum(.reconciliation) == .zero)
        #expect(visit.sum(.cost) == ExactDecimal(6))
        // While the total changes, no difference is known.
        let cells = visit.readings.flatMap(\.slices).flatMap(\.cells)
        #expect(cells.contains { $0.family == .reconciliation } == !continues)
    }

    private static let invalidRows: [String] = [
        #"{"amount":{"value":1,"currency":"eur"},"line_item":"m, input","api_key_id":"key_a"}"#,
        #"{"amount":{"value":1},"line_item":"m, input","api_key_id":"key_a"}"#,
        #"{"amount":{"value":null,"currency":"usd"},"line_item":"m, input","api_key_id":"key_a"}"#,
        #"{"amount":{"value":"a lot","currency":"usd"}}"#, #"{"amount":{"value":1e300,"currency":"usd"}}"#,
        #"{"amount":3}"#, #"{"line_item":"m, input"}"#, "null", "[]",
    ]

    @Test("another currency, a missing amount or an unknown form fails its day only", arguments: invalidRows)
    func invalidRow(row: String) async throws {
        api.change { state in
            for ago in 0...3 { state.costs[day(ago)] = [.init(key: "key_a", item: "m, input", value: "1")] }
        }
        let bad = day(2)
        let buckets = (0...30).reversed().map { ago in
            ScriptedOpenAI.bucket(
                day(ago),
                day(ago) == bad
                    ? [row] : [#"{"amount":{"value":1,"currency":"usd"},"line_item":"m, input","api_key_id":"key_a"}"#])
        }
        api.change { $0.override = { path, _ in path == "costs" ? ScriptedOpenAI.page(buckets) : nil } }
        let failure = await #expect(throws: PartialFailure.self) { try await sync() }
        #expect(failure?.reason == .decode)
        #expect(failure?.message.contains("\(bad)") == true)
        #expect(context.sum(.cost, on: bad) == .zero)
        #expect(context.sum(.cost) == ExactDecimal(30))
        #expect(failure?.message.contains("a lot") == false)
    }

    @Test("a response whose days are all invalid is a failure without a commit")
    func allInvalid() async throws {
        api.change { $0.costs[day(0)] = [.init(key: "key_a", item: "m, input", value: "1", currency: "eur")] }
        advance(by: .minutes(5))
        let today = StoredVisit(now: Self.now)
        await #expect(throws: SourceFailure.self) {
            try await OpenAICostsSource(api: api, projects: [], keys: keys).sync(today)
        }
        #expect(today.readings.flatMap(\.slices).isEmpty)
    }

    @Test("buckets may call their rows result; without rows they fail", arguments: ["result", "results", "rows"])
    func nameOfRows(name: String) async throws {
        let row = #"{"amount":{"value":2,"currency":"USD"},"line_item":"m, input","api_key_id":"key_a"}"#
        let text = ScriptedOpenAI.page([ScriptedOpenAI.bucket(day(0), [row], name: name)])
        api.change { $0.override = { path, _ in path == "costs" ? text : nil } }
        let today = StoredVisit(now: Self.now)
        let source = OpenAICostsSource(api: api, projects: [], keys: keys)
        if name == "rows" {
            await #expect(throws: SourceFailure.self) { try await source.sync(today) }
        } else {
            try await source.sync(today)
            #expect(today.sum(.cost) == ExactDecimal(2))
        }
    }

    @Test("a past day that is listed in total only had no cost if the total is zero")
    func zeroTotal() async throws {
        let zero = #"{"amount":{"value":0,"currency":"usd"}}"#
        let days = (0...2).map { ScriptedOpenAI.bucket(day($0), [zero]) }
        api.change {
            $0.override = { path, query in
                path == "costs" ? ScriptedOpenAI.page(query.contains("group_by") ? [] : days) : nil
            }
        }
        let visit = StoredVisit(now: Self.now, days: 2)
        try await OpenAICostsSource(api: api, projects: [], keys: keys).sync(visit)
        #expect(visit.dueSlices.map(\.day) == [day(0)])
        #expect(visit.sum(.cost) == .zero)
    }

    @Test("a past day that neither query lists had no cost, today's is not read yet")
    func missingDays() async throws {
        api.change { state in
            for ago in 0...30 { state.costs[day(ago)] = [.init(key: "key_a", item: "m, input", value: "1")] }
            state.hidden = [day(0): "costs"]
        }
        try await sync()
        #expect(context.sum(.cost) == ExactDecimal(30))
        #expect(context.dueSlices.map(\.slice.period.start.day) == [day(0)])
        #expect(context.dueSlices.first?.lastRead == nil)
        let other = StoredVisit(now: Self.now, days: 3)
        api.change { $0.hidden = [day(2): "costs"] }
        try await OpenAICostsSource(api: api, projects: [], keys: keys).sync(other)
        #expect(other.sum(.cost) == ExactDecimal(3))
        #expect(other.dueSlices.map(\.day) == [day(0)])
    }

    @Test(
        "a past day that only one query lists, or that may be on a further page, fails",
        arguments: ["only total", "only rows", "no end"])
    func unknownDay(form: String) async throws {
        let row = #"{"amount":{"value":2,"currency":"usd"}}"#
        let whole = ScriptedOpenAI.page((0...2).map { ScriptedOpenAI.bucket(day($0), [row]) })
        let part = ScriptedOpenAI.page([0, 2].map { ScriptedOpenAI.bucket(day($0), [row]) })
        api.change {
            $0.override = { path, query in
                guard path == "costs" else { return nil }
                if form == "no end" { return part.replacing(#""has_more":false,"#, with: "") }
                return query.contains("group_by") == (form == "only rows") ? whole : part
            }
        }
        let visit = StoredVisit(now: Self.now, days: 2)
        let failure = await #expect(throws: PartialFailure.self) {
            try await OpenAICostsSource(api: api, projects: [], keys: keys).sync(visit)
        }
        #expect(failure?.reason == .decode)
        #expect(visit.sum(.cost) == ExactDecimal(4))
        #expect(visit.dueSlices.map(\.day) == [day(0), day(1)])
    }

    @Test(
        "a day with cost that has none in a later response fails, and its figures stay",
        arguments: ["no rows", "zero", "only a total", "not listed"])
    func emptied(form: String) async throws {
        api.change { state in
            for ago in 0...1 {
                state.costs[day(ago)] = [
                    .init(key: "key_a", item: "m, input", value: "5"), .init(key: nil, item: "tools", value: "2"),
                ]
            }
        }
        try await sync()
        // Yesterday's day is read again 24 hours after its end.
        advance(by: .hours(10))
        api.change { state in
            state.costs[day(1)] = nil
            state.costs[day(-1)] = [.init(key: "key_a", item: "m, input", value: "1")]
            if form == "zero" { state.totals[day(1)] = "0" }
            if form == "only a total" { state.totals[day(1)] = "3" }
            if form == "not listed" { state.hidden = [day(1): "costs"] }
        }
        let failure = await #expect(throws: PartialFailure.self) { try await sync() }
        #expect(failure?.reason == .decode)
        #expect(failure?.message.contains("the stored figures stay") == true)
        #expect(context.sum(.cost, on: day(1)) == ExactDecimal(7))
        #expect(context.sum(.cost) == ExactDecimal(7 + 7 + 1))
    }

    /// Seconds after midnight.
    private static let otherSpans: [(Int64, Int64)] = [(28_800, 115_200), (0, 3600), (0, 172_800), (0, 0)]

    @Test("a bucket that is not a UTC day is not counted on one", arguments: otherSpans)
    func otherTimes(from: Int64, to: Int64) async throws {
        let start = day(1).start.milliseconds / 1000
        let row = #"{"amount":{"value":2,"currency":"usd"}}"#
        let odd = #"{"start_time":\#(start + from),"end_time":\#(start + to),"results":[\#(row)]}"#
        let text = ScriptedOpenAI.page([odd, ScriptedOpenAI.bucket(day(0), [row])])
        api.change { $0.override = { path, _ in path == "costs" ? text : nil } }
        let visit = StoredVisit(now: Self.now, days: 1)
        await #expect(throws: PartialFailure.self) {
            try await OpenAICostsSource(api: api, projects: [], keys: keys).sync(visit)
        }
        #expect(visit.sum(.cost) == ExactDecimal(2))
        #expect(visit.sum(.cost, on: day(1)) == .zero)
    }

    @Test("today's bucket may end at the time of the request")
    func openBucket() async throws {
        let start = day(0).start.milliseconds / 1000
        let text = ScriptedOpenAI.page([
            #"{"start_time":"\#(start)","end_time":"\#(start + 54_000)","#
                + #""results":[{"amount":{"value":2,"currency":"usd"}}]}"#
        ])
        api.change { $0.override = { path, _ in path == "costs" ? text : nil } }
        let visit = StoredVisit(now: Self.now)
        try await OpenAICostsSource(api: api, projects: [], keys: keys).sync(visit)
        #expect(visit.sum(.cost) == ExactDecimal(2))
    }

    @Test("a line item of a key that is listed twice counts only if the total confirms it", arguments: ["2", "4"])
    func repeatedRows(total: String) async throws {
        let rows = Array(repeating: ScriptedOpenAI.Cost(key: "key_a", item: "m, input", value: "2"), count: 2)
        api.change {
            $0.costs[day(0)] = rows
            $0.totals[day(0)] = total
        }
        let visit = StoredVisit(now: Self.now)
        let source = OpenAICostsSource(api: api, projects: [], keys: keys)
        if total == "4" {
            try await source.sync(visit)
            #expect(visit.sum(.cost) == ExactDecimal(4))
        } else {
            await #expect(throws: SourceFailure.self) { try await source.sync(visit) }
            #expect(visit.sum(.cost) == .zero)
        }
    }

    @Test("rows that are missing from a response do not move to the empty key")
    func missingRows() async throws {
        api.change {
            $0.costs[day(0)] = [
                .init(key: "key_a", item: "m, input", value: "5"), .init(key: "key_b", item: "m, input", value: "2"),
            ]
        }
        try await sync()
        api.change {
            $0.costs[day(0)] = [.init(key: "key_a", item: "m, input", value: "5")]
            $0.totals[day(0)] = "7.5"
        }
        advance(by: .minutes(5))
        let failure = await #expect(throws: SourceFailure.self) { try await sync() }
        #expect(failure?.message.contains("the stored figures stay") == true)
        #expect(cost("beta", "m") == ExactDecimal(2))
        #expect(cost("", "") == .zero)
    }

    @Test("a response that is too large is read in halves, the newer first")
    func halves() async throws {
        api.change { state in
            for ago in 0...30 { state.costs[day(ago)] = [.init(key: "key_a", item: "m, input", value: "1")] }
            state.override = { path, query in
                guard path == "costs", let limit = query.firstMatch(of: /limit=(\d+)/).flatMap({ Int($0.output.1) }),
                    limit > 10
                else { return nil }
                throw UpstreamFailure(reason: .decode, status: 200, message: "the response exceeds the limit")
            }
        }
        try await sync()
        #expect(context.sum(.cost) == ExactDecimal(31))
        #expect(cost("alpha", "m", on: day(17)) == ExactDecimal(1))
        api.change {
            $0.override = { path, _ in
                if path == "costs" { throw UpstreamFailure(reason: .decode, status: 200, message: "HTML") }
                return nil
            }
        }
        _ = api.takeRequests()
        let first = StoredVisit(now: Self.now, days: 30)
        await #expect(throws: UpstreamFailure.self) {
            try await OpenAICostsSource(api: api, projects: [], keys: keys).sync(first)
        }
        #expect(api.takeRequests().count <= 6)
    }

    @Test("a failing key ends the sync at once", arguments: [401, 403, 404])
    func refused(status: Int) async throws {
        api.change { $0.failures["costs"] = status }
        let failure = await #expect(throws: UpstreamFailure.self) { try await sync() }
        #expect(failure?.status == status)
        #expect(api.takeRequests().count == 1)
    }
}

/// Calls a closure with the number of each request before it is sent.
private final class AnsweringCosts: UpstreamAPI {
    private let api: ScriptedOpenAI
    private let before: @Sendable (Int) -> Void

    init(_ api: ScriptedOpenAI, _ before: @escaping @Sendable (Int) -> Void) {
        self.api = api
        self.before = before
    }

    private let count = Counter()

    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        before(await count.next())
        return try await api.send(call)
    }

    private actor Counter {
        private var last = -1
        func next() -> Int {
            last += 1
            return last
        }
    }
}
