import Foundation
import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// The forms of `POST /api/v1/analytics/query`: what each field becomes, and what no figure is made of.
@Suite struct OpenRouterQueryTests {
    private let hour = Timestamp(seconds: 1_793_624_400)  // 2026-11-02T13:00:00Z

    /// Syncs the hours of a day until 13:20 and returns the cells of 13:00 and the failure.
    private func read(
        _ body: String, total: String? = nil, at minute: Int = 20
    ) async throws -> (cells: Set<Cell>, failure: (any ReasonedFailure)?, remarks: [String]) {
        let visit = StoredVisit(now: hour + .minutes(minute), by: .hour)
        let api = OpenRouterBench { request in
            if request.path == "/api/v1/keys" { return openRouterKeys([]) }
            if request.path == "/api/v1/credits" { return "{\"data\":{\"total_credits\":9,\"total_usage\":5}}" }
            guard request.granularity == "hour" else { return "{\"data\":[]}" }
            return request.isSplit ? body : total ?? openRouterBody([])
        }
        let failure = await visit.sync(api)
        let cells = try await visit.cells(of: SliceID(period: Period(start: hour, end: hour + .hours(1))))
        return (Set(cells.filter { $0.family != .reconciliation }), failure, visit.remarks)
    }

    /// The example of the documentation.
    private let sample = """
        {"data":{"data":[{"date__hour":"2026-11-02 13:00:00","api_key_id":"batch-demo","model":"acme/demo-9","request_count":"37","tokens_prompt":"91400","tokens_completion":"2210",
         "cached_tokens":"40100","credits_usage":0.2187,"byok_usage":0}],"metadata":{"query_time_ms":31,"row_count":1,"truncated":false}}}
        """

    @Test("each field of the documented example is a cell")
    func documentedExample() async throws {
        let labels = ["batch-demo", "acme/demo-9"]
        let read = try await read(sample)
        #expect(read.failure == nil)
        #expect(
            read.cells == [
                Cell(.cost, labels, ExactDecimal(micros: 218_700)),
                Cell(.keyCost, ["batch-demo"], ExactDecimal(micros: 218_700)),
                Cell(.requests, labels, ExactDecimal(37)),
                Cell(.tokens, labels + ["input"], ExactDecimal(51_300)),
                Cell(.tokens, labels + ["cache_input"], ExactDecimal(40_100)),
                Cell(.tokens, labels + ["output"], ExactDecimal(2210)),
            ])
        #expect(read.remarks.isEmpty)
    }

    @Test("money of own keys is in its own family and never in the cost")
    func ownKeys() async throws {
        let body = sample.replacing("\"byok_usage\":0", with: "\"byok_usage\":4.25,\"total_usage\":4.4687")
        let cells = try await read(body).cells
        let labels = ["batch-demo", "acme/demo-9"]
        #expect(cells.contains(Cell(.openRouterOwnKeyCost, labels, ExactDecimal(micros: 4_250_000))))
        #expect(cells.contains(Cell(.cost, labels, ExactDecimal(micros: 218_700))))
        #expect(LedgerFamily.openRouterOwnKeyCost.name == "genai_openrouter_byok_cost_usd_total")
    }

    @Test(
        "the forms of numbers and times are all read",
        arguments: [
            ("\"37\"", "37"), ("0.2187", "\"0.2187\""), ("0.2187", "2.187e-1"), ("\"91400\"", "91400.0"),
            ("\"2026-11-02 13:00:00\"", "\"2026-11-02T13:00:00.000Z\""),
            ("\"2026-11-02 13:00:00\"", "\"2026-11-02T13:00:00\""),
            ("\"2026-11-02 13:00:00\"", "\"2026-11-02T15:00:00+02:00\""),
            ("\"byok_usage\":0}", "\"byok_usage\":0,\"total_usage\":9,\"usage_data\":-3}"),
        ])
    func forms(written: String, instead: String) async throws {
        #expect(sample.contains(written))
        let expected = try await read(sample).cells
        let found = try await read(sample.replacing(written, with: instead))
        #expect(found.failure == nil)
        #expect(found.cells == expected)
    }

    @Test("a date without a time is the first hour of a day")
    func midnight() async throws {
        let visit = StoredVisit(now: hour + .minutes(20), by: .hour)
        let body = sample.replacing("2026-11-02 13:00:00", with: "2026-11-02")
        #expect(await visit.sync(OpenRouterBench { $0.isSplit ? body : openRouterKeys([]) }) == nil)
        let start = hour.day.start
        let cells = try await visit.cells(of: SliceID(period: Period(start: start, end: start + .hours(1))))
        #expect(cells.contains(Cell(.keyCost, ["batch-demo"], ExactDecimal(micros: 218_700))))
    }

    @Test("money keeps all decimals of a double, and negative money reduces the hour")
    func decimals() async throws {
        let digits = "0.21870000000000003"
        let cells = try await read(sample.replacing("0.2187", with: digits)).cells
        #expect(cells.contains(Cell(.keyCost, ["batch-demo"], try decimal(digits))))
        let rows = [openRouterRow(hour, "k", cost: "2.5"), openRouterRow(hour, "k", "acme/other", cost: "-0.75")]
        let negative = try await read(openRouterBody(rows)).cells
        #expect(negative.contains(Cell(.keyCost, ["k"], try decimal("1.75"))))
        #expect(negative.contains(Cell(.cost, ["k", "acme/other"], try decimal("-0.75"))))
    }

    @Test(
        "a null, missing or empty key or model is the empty label",
        arguments: ["\"api_key_id\":null,\"model\":null", "\"api_key_id\":\"\",\"model\":\"\"", "\"x\":1"])
    func withoutLabels(members: String) async throws {
        let body = sample.replacing("\"api_key_id\":\"batch-demo\",\"model\":\"acme/demo-9\"", with: members)
        #expect(try await read(body).cells.contains(Cell(.cost, ["", ""], ExactDecimal(micros: 218_700))))
    }

    @Test(
        "a row of another form is a failure and never an hour without usage",
        arguments: [
            ("\"credits_usage\":0.2187", "\"credits\":0.2187"), ("\"request_count\":\"37\",", ""),
            ("\"37\"", "\"-37\""), ("\"37\"", "\"3.7\""), ("\"37\"", "\"many\""), ("0.2187", "true"),
            ("0.2187", "1e300"),
            ("\"91400\"", "\"-1\""), ("\"2026-11-02 13:00:00\"", "\"2026-11-02 14:00:00\""),
            ("\"2026-11-02 13:00:00\"", "\"2026-11-02 13:30:00\""),
            ("\"2026-11-02 13:00:00\"", "\"2026-11-01 23:00:00\""),
            ("\"2026-11-02 13:00:00\"", "\"yesterday\""), ("\"date__hour\"", "\"date\""), ("\"data\":[", "\"rows\":["),
            ("\"truncated\":false", "\"truncated\":\"perhaps\""),
        ])
    func otherForms(written: String, instead: String) async throws {
        #expect(sample.contains(written))
        let found = try await read(sample.replacing(written, with: instead))
        #expect(found.failure?.reason == .decode)
        #expect(found.cells.isEmpty)
    }

    @Test(
        "a response with an error object or without a list is a failure",
        arguments: [
            "{\"error\":{\"code\":500,\"message\":\"x\"}}",
            "{\"data\":{\"data\":null,\"metadata\":{\"truncated\":false}}}",
            "{\"data\":null}", "[]", "",
        ])
    func noList(body: String) async throws {
        #expect(try await read(body).failure?.reason == .decode)
    }

    @Test("a null figure yields no series, and the others stay")
    func nullFigures() async throws {
        let body = sample.replacing("0.2187", with: "null").replacing("\"40100\"", with: "null")
        let cells = try await read(body).cells
        #expect(Set(cells.map(\.family)) == [.requests, .tokens])
        #expect(cells.contains(Cell(.tokens, ["batch-demo", "acme/demo-9", "input"], ExactDecimal(91_400))))
    }

    @Test("more cached tokens than prompt tokens yield no input tokens, and keep the money")
    func cachedBeyondPrompt() async throws {
        let found = try await read(sample.replacing("\"40100\"", with: "\"91401\""))
        #expect(found.cells.filter { $0.family == .tokens }.map(\.labels.last) == ["output"])
        #expect(found.cells.contains(Cell(.keyCost, ["batch-demo"], ExactDecimal(micros: 218_700))))
        #expect(found.remarks.contains { $0.contains("cached tokens") })
    }

    @Test("a row of the range's end is ignored, because it belongs to the next query")
    func inclusiveEnd() async throws {
        // At a full hour the range ends where the next hour begins.
        let rows = [openRouterRow(hour - .hours(1), "k"), openRouterRow(hour, "k", cost: "7")]
        let visit = StoredVisit(now: hour, by: .hour)
        #expect(await visit.sync(OpenRouterBench { $0.isSplit ? openRouterBody(rows) : openRouterKeys([]) }) == nil)
        #expect(visit.sum(.cost) == ExactDecimal(1))
        #expect(visit.dueSlices.contains { $0.slice.period.start == hour })
    }

    @Test("a row that is there twice counts twice only if the total says so")
    func repeatedRow() async throws {
        let rows = [openRouterRow(hour, "twin", cost: "0.5"), openRouterRow(hour, "twin", cost: "0.5")]
        func read(total: String) async throws -> (cells: Set<Cell>, failure: (any ReasonedFailure)?) {
            let visit = StoredVisit(now: hour + .hours(1) + .minutes(1), by: .hour)
            let body = openRouterBody(rows)
            let none = openRouterBody([])
            let api = OpenRouterBench { [hour] request in
                guard request.isSplit else { return request.granularity.isEmpty ? openRouterKeys([]) : total }
                return request.range.contains(hour) ? body : none
            }
            let failure = await visit.sync(api)
            let cells = try await visit.cells(of: SliceID(period: Period(start: hour, end: hour + .hours(1))))
            return (Set(cells), failure)
        }
        let whole = try await read(total: openRouterBody([openRouterRow(hour, "", "", cost: "1.0", requests: 2)]))
        #expect(whole.failure == nil)
        #expect(whole.cells.contains(Cell(.keyCost, ["twin"], ExactDecimal(1))))
        let single = try await read(total: openRouterBody([openRouterRow(hour, "", "", cost: "0.5", requests: 1)]))
        #expect(single.failure?.message.contains("repeats a row") == true)
        #expect(single.cells.isEmpty)
        // The open hour has no total yet.
        #expect(try await self.read(openRouterBody(rows)).failure?.reason == .decode)
    }

    @Test("a response that does not say whether it is whole counts only if it has the total's usage")
    func unstated() async throws {
        let closed = hour + .hours(1) + .minutes(1)
        func read(cost: String, requests: Int, more: String = "") async -> (sum: ExactDecimal, failed: Bool) {
            let visit = StoredVisit(now: closed, by: .hour)
            let body = openRouterBody([openRouterRow(hour, "k", cost: "2")], truncated: nil, more: more)
            let none = openRouterBody([])
            let total = openRouterBody([openRouterRow(hour, "", "", cost: cost, requests: requests)])
            let api = OpenRouterBench { request in
                guard request.isSplit else { return request.granularity.isEmpty ? openRouterKeys([]) : total }
                return request.range.contains(self.hour) ? body : none
            }
            let failure = await visit.sync(api)
            return (visit.sum(.cost), failure != nil)
        }
        #expect(await read(cost: "2", requests: 1) == (ExactDecimal(2), false))
        #expect(await read(cost: "2", requests: 1, more: ",\"metadata\":{}") == (ExactDecimal(2), false))
        #expect(
            await read(cost: "2", requests: 1, more: ",\"metadata\":{\"truncated\":null}") == (ExactDecimal(2), false))
        // The open hour has no total yet.
        let open = openRouterBody([openRouterRow(hour, "k")], truncated: nil)
        #expect(try await self.read(open).failure?.reason == .decode)
        #expect(await read(cost: "3", requests: 1) == (.zero, true))
        #expect(await read(cost: "2", requests: 2) == (.zero, true))
    }

    @Test("a stored response is dated when it was stored, and warnings are logged")
    func storedResponse() async throws {
        let visit = StoredVisit(now: hour + .minutes(20), by: .hour)
        let more = ",\"cachedAt\":\((hour - .minutes(2)).milliseconds),\"warnings\":[\"unknown key\"]"
        let body = openRouterBody([openRouterRow(hour - .hours(1), "k")], more: more)
        #expect(await visit.sync(OpenRouterBench { $0.isSplit ? body : openRouterKeys([]) }) == nil)
        // The open hour was not read at all, and the one before only until it was stored.
        let due = visit.dueSlices.prefix(2)
        #expect(due.map(\.slice.period.start) == [hour, hour - .hours(1)])
        #expect(due.map(\.lastRead) == [nil, hour - .minutes(2)])
        #expect(visit.remarks.contains { $0.contains("warnings (1)") })
    }
}
