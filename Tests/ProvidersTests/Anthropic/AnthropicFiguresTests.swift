import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// The fields of the responses of both generations, and what the cells of a day are.
@Suite struct AnthropicFiguresTests {
    /// Syncs a source whose total is the given one, and returns the context.
    private func sync(
        _ report: AnthropicReport, setting: AnthropicEndpointSetting = .analytics, days: Int = 0,
        parts: String, total: String? = nil, in visit: StoredVisit? = nil
    ) async throws -> StoredVisit {
        let visit = visit ?? StoredVisit(now: anthropicNow, days: days)
        let api = ScriptedAnthropic { call, _ in
            if call.isKeyList { return Self.keys }
            return call.isGrouped ? parts : total ?? analyticsPage([])
        }
        try await AnthropicReportSource(report: report, setting: setting, api: api).sync(visit)
        return visit
    }

    private static let keys = """
        {"data":[{"id":"apikey_demo1","name":"web"},{"id":"apikey_demo2","name":"batch"}],"has_more":false}
        """

    @Test("the documented example: cents as decimal text become USD, by key and model")
    func exampleOfCost() async throws {
        let answer = """
            {"data":[{"starting_at":"2026-11-02T00:00:00Z","ending_at":"2026-11-03T00:00:00Z",
             "group":{"api_key_id":"apikey_demo1","model":"claude-demo-5","product":null},
             "cost":{"amount":"731.00504","currency":"USD","list_amount":"812.2278","requests":64}}],
             "data_refreshed_at":"2026-11-03T02:00:00Z","has_more":false,"next_page":null}
            """
        let now = try #require(Timestamp("2026-11-03T03:00:00Z"))
        let visit = try await sync(.cost, parts: answer, total: answer, in: StoredVisit(now: now, days: 1))
        #expect(visit.values(.cost) == [["web", "claude-demo-5"]: ExactDecimal("7.3100504")])
        #expect(visit.values(.keyCost) == [["web"]: ExactDecimal("7.3100504")])
        #expect(visit.values(.reconciliation) == [[]: .zero])
        // The day after the example is not complete yet: its figures reach to the last refresh.
        let readAt = visit.readings.flatMap(\.slices).map(\.readAt)
        #expect(Set(readAt) == [try #require(Timestamp("2026-11-03T02:00:00Z"))])
    }

    @Test(
        "money is exact, with any number of decimals, as text or number",
        arguments: [
            (#""4128.5""#, "41.285"), (#""0.123456789012""#, "0.00123456789012"), (#""1e-7""#, "0.000000001"),
            (#""-250.000000001""#, "-2.50000000001"), ("4128.5", "41.285"), (#""100""#, "1"), (#""0""#, "0"),
            (#""0.1""#, "0.001"),
        ])
    func cents(amount: String, usd: String) async throws {
        let visit = try await sync(.cost, parts: analyticsPage([costRow(20, model: "m", cents: amount)]))
        #expect(visit.values(.cost) == [["", "m"]: ExactDecimal(usd)])
    }

    @Test("tokens are four disjoint types; both lifetimes of the cache are one; requests are counted")
    func usage() async throws {
        let figures = """
            "uncached_input_tokens":1000,"cache_read_input_tokens":400,"cache_creation":{"ephemeral_5m_input_tokens":30,
            "ephemeral_1h_input_tokens":7},"output_tokens":90,"total_tokens":1527,"requests":5,
            "server_tool_use":{"web_search_requests":2}
            """
        let visit = try await sync(
            .usage, parts: analyticsPage([usageRow(20, key: "apikey_demo2", model: "m", figures)]))
        #expect(
            visit.values(.tokens) == [
                ["batch", "m", "input"]: 1000, ["batch", "m", "cache_input"]: 400, ["batch", "m", "output"]: 90,
                ["batch", "m", "cache_write"]: 37,
            ])
        #expect(visit.values(.requests) == [["batch", "m"]: 5])
    }

    @Test("code execution has requests without a model, and no tokens")
    func codeExecution() async throws {
        let visit = try await sync(
            .usage, parts: analyticsPage([usageRow(20, key: "apikey_demo2", #""requests":3"#)]))
        #expect(visit.values(.requests) == [["batch", ""]: 3])
        #expect(visit.values(.tokens).isEmpty)
    }

    @Test("what is null or missing has no series: requests, types of tokens, keys, models")
    func absent() async throws {
        let rows = [
            usageRow(20, #""uncached_input_tokens":3,"cache_creation":null,"requests":null"#),
            usageRow(20, model: "m", #""output_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":null}"#),
        ]
        let visit = try await sync(.usage, parts: analyticsPage(rows))
        #expect(visit.values(.tokens) == [["", "", "input"]: 3, ["", "m", "output"]: 0])
        #expect(visit.values(.requests).isEmpty)
    }

    @Test("the older reports: cost by model without keys, tokens by key and model, no requests")
    func reports() async throws {
        let cost = bucket(
            20,
            [
                #"{"amount":"123.5","currency":"USD","description":"M Input","model":"m","token_type":"uncached_input_tokens"}"#,
                #"{"amount":"76.5","currency":"USD","description":"M Output","model":"m","token_type":"output_tokens"}"#,
                #"{"amount":"50","currency":"USD","description":"Code Execution Usage","model":null}"#,
            ])
        let costs = try await sync(.cost, setting: .reports, parts: cost)
        #expect(costs.values(.cost) == [["", "m"]: 2, ["", ""]: ExactDecimal("0.5")])
        #expect(costs.values(.keyCost).isEmpty)
        let usage = bucket(
            20,
            [
                """
                {"api_key_id":"apikey_demo1","model":"m","workspace_id":null,"uncached_input_tokens":10,
                "cache_read_input_tokens":4,"cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":1},
                "output_tokens":5,"server_tool_use":{"web_search_requests":0}}
                """
            ])
        let tokens = try await sync(.usage, setting: .reports, parts: usage)
        #expect(
            tokens.values(.tokens) == [
                ["web", "m", "input"]: 10, ["web", "m", "cache_input"]: 4, ["web", "m", "cache_write"]: 3,
                ["web", "m", "output"]: 5,
            ])
        #expect(tokens.values(.requests).isEmpty)
    }

    @Test("the older reports list what is not tokens without a model: searches, code execution, sessions are summed")
    func typesOfCost() async throws {
        let types = ["web_search", "code_execution", "session_usage"].map {
            #"{"amount":"10","currency":"USD","description":null,"model":null,"cost_type":"\#($0)","token_type":null}"#
        }
        let search = #"{"amount":"4","currency":"USD","model":"m","cost_type":"web_search"}"#
        let tokens = #"{"amount":"100","currency":"USD","model":"m","cost_type":"tokens","token_type":"output_tokens"}"#
        let visit = try await sync(
            .cost, setting: .reports, days: 1, parts: bucket(19, types + [search, tokens]),
            total: bucket(19, [#"{"amount":"134","currency":"USD","model":null,"cost_type":null}"#]))
        #expect(visit.values(.cost) == [["", "m"]: ExactDecimal("1.04"), ["", ""]: ExactDecimal("0.3")])
        #expect(visit.values(.reconciliation) == [[]: .zero])
    }

    @Test("what the total has beyond the parts belongs to no key and model; a smaller total shows as a difference")
    func total() async throws {
        let parts = analyticsPage([costRow(19, key: "apikey_demo1", model: "m", cents: #""100""#)])
        let more = try await sync(
            .cost, days: 1, parts: parts, total: analyticsPage([costRow(19, cents: #""130.5""#)]))
        #expect(more.values(.cost) == [["web", "m"]: 1, ["", ""]: ExactDecimal("0.305")])
        #expect(more.values(.keyCost) == [["web"]: 1, [""]: ExactDecimal("0.305")])
        #expect(more.values(.reconciliation) == [[]: ExactDecimal("0.305")])
        let less = try await sync(.cost, days: 1, parts: parts, total: analyticsPage([costRow(19, cents: #""90""#)]))
        #expect(less.values(.cost) == [["web", "m"]: 1])
        #expect(less.values(.reconciliation) == [[]: ExactDecimal("-0.1")])
        let tokens = try await sync(
            .usage, days: 1, parts: analyticsPage([usageRow(19, model: "m", #""output_tokens":5,"requests":1"#)]),
            total: analyticsPage([usageRow(19, #""output_tokens":8,"requests":3"#)]))
        #expect(tokens.values(.tokens) == [["", "m", "output"]: 5, ["", "", "output"]: 3])
        #expect(tokens.values(.requests) == [["", "m"]: 1, ["", ""]: 2])
    }

    @Test("the total of an open day without a time of refresh is not compared: usage arrives in between")
    func openTotal() async throws {
        let parts = analyticsPage([costRow(20, model: "m", cents: #""100""#)])
        let total = analyticsPage([costRow(20, cents: #""130""#)])
        let visit = try await sync(.cost, parts: parts, total: total)
        #expect(visit.values(.cost) == [["", "m"]: 1])
        #expect(visit.values(.reconciliation).isEmpty)
    }

    @Test("negative rows stay in the sum of their group")
    func negative() async throws {
        let visit = try await sync(
            .cost,
            parts: analyticsPage([
                costRow(20, key: "apikey_demo1", model: "m", cents: #""500""#),
                costRow(20, key: "apikey_demo1", cents: #""-120""#),
            ]))
        #expect(visit.values(.cost) == [["web", "m"]: 5, ["web", ""]: ExactDecimal("-1.2")])
        #expect(visit.values(.keyCost) == [["web"]: ExactDecimal("3.8")])
    }

    @Test(
        "a row that cannot be read fails its day only",
        arguments: [
            costRow(19, model: "m", cents: #""5""#, currency: #""EUR""#),
            costRow(19, model: "m", cents: #""5""#, currency: "null"),
            costRow(19, model: "m", cents: "null"), costRow(19, model: "m", cents: #""five""#),
            costRow(19, model: "m", cents: #""1e30""#),
            costRow(19, model: "m", cents: #""5""#) + "," + costRow(19, model: "m", cents: #""5""#),
        ])
    func flaws(row: String) async throws {
        let visit = StoredVisit(now: anthropicNow, days: 2)
        let parts = analyticsPage([
            costRow(20, model: "m", cents: #""100""#), row, costRow(18, model: "m", cents: #""200""#),
        ])
        let failure = await #expect(throws: PartialFailure.self) {
            _ = try await sync(.cost, parts: parts, in: visit)
        }
        #expect(failure?.reason == .decode)
        #expect(failure?.message.contains("2026-11-19") == true)
        #expect(visit.sum(.cost) == 3)
        #expect(visit.readings.flatMap(\.slices).map(\.slice.period.start.day.dayOfMonth).sorted() == [18, 20])
    }

    @Test(
        "counts that are no whole numbers, or all missing, fail their day",
        arguments: [
            #""output_tokens":1.5"#, #""total_tokens":4,"requests":null"#,
            #""output_tokens":1,"requests":"many""#,
        ])
    func invalidCounts(usage: String) async throws {
        await #expect(throws: SourceFailure.self) {
            _ = try await sync(.usage, parts: analyticsPage([usageRow(20, model: "m", usage)]))
        }
    }

    @Test(
        "rows of other periods than the requested days fail the reading",
        arguments: [
            ("2026-11-20T01:00:00Z", "2026-11-20T02:00:00Z"), ("2026-11-19T00:00:00Z", "2026-11-21T00:00:00Z"),
            ("2026-11-10T00:00:00Z", "2026-11-11T00:00:00Z"), ("2026-11-20T00:00:00Z", "2026-11-20T00:00:00Z"),
        ])
    func foreignPeriods(start: String, end: String) async throws {
        let row = costRow(20, model: "m", cents: #""100""#)
            .replacing("2026-11-20T00:00:00Z", with: "START").replacing("2026-11-21T00:00:00Z", with: "END")
            .replacing("START", with: start).replacing("END", with: end)
        let visit = StoredVisit(now: anthropicNow, days: 1)
        let failure = await #expect(throws: SourceFailure.self) {
            _ = try await sync(.cost, parts: analyticsPage([row]), in: visit)
        }
        #expect(failure?.reason == .decode)
        #expect(visit.readings.isEmpty)
    }

    @Test("the bucket of the open day may end now, and a day that began meanwhile is ignored")
    func openBucket() async throws {
        let open = costRow(20, model: "m", cents: #""100""#).replacing(
            "2026-11-21T00:00:00Z", with: "2026-11-20T15:00:00Z")
        let visit = try await sync(.cost, parts: analyticsPage([open, costRow(21, model: "m", cents: #""7""#)]))
        #expect(visit.sum(.cost) == 1)
    }

    @Test("rows without the requested dimensions are not taken for usage without a model")
    func unsplitRows() async throws {
        let row = costRow(20, cents: #""100""#).replacing(#""api_key_id":null,"model":null,"#, with: "")
        await #expect(throws: SourceFailure.self) { _ = try await sync(.cost, parts: analyticsPage([row])) }
    }

    @Test("parts that vanish although the total includes them keep the stored figures")
    func vanishedParts() async throws {
        let visit = StoredVisit(now: anthropicNow, days: 1)
        let total = analyticsPage([costRow(19, cents: #""300""#)])
        let (one, two) = (
            costRow(19, key: "apikey_demo1", model: "m", cents: #""100""#),
            costRow(19, key: "apikey_demo2", model: "m", cents: #""200""#)
        )
        _ = try await sync(.cost, parts: analyticsPage([one, two]), total: total, in: visit)
        visit.advance(by: .hours(12))
        await #expect(throws: PartialFailure.self) {
            _ = try await sync(.cost, parts: analyticsPage([one]), total: total, in: visit)
        }
        #expect(visit.values(.cost) == [["web", "m"]: 1, ["batch", "m"]: 2])
    }
}
