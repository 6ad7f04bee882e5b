import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of the choice of the endpoint and of reading its pages.
@Suite struct VeniceUsageSourceTests {
    private static let usage = "/api/v1/billing/usage"
    private static let history = "/api/v1/billing/usage-history"

    private func context(hours: [String] = ["2026-06-15T19:00:00Z"], memory: [String: String] = [:]) throws -> KeptVisit
    {
        KeptVisit(now: try moment("2026-06-16T00:00:00Z"), due: try hours.map(hour), memory: memory)
    }

    private func source(
        _ setting: VeniceEndpointSetting = .auto,
        _ answer: @escaping @Sendable (UpstreamCall, Int) throws -> UpstreamResponse
    ) -> (VeniceUsageSource, ScriptedVenice) {
        let api = ScriptedVenice(answer)
        return (VeniceUsageSource(api: api, setting: setting), api)
    }

    /// Returns rows with the given ordinals, one per second.
    private static func rows(_ ordinals: Range<Int>) -> String {
        ordinals.map {
            row(
                "2026-06-15T19:\($0 / 60 < 10 ? "0" : "")\($0 / 60):\($0 % 60 < 10 ? "0" : "")\($0 % 60)Z",
                request: "r\($0)")
        }.joined(separator: ",")
    }

    private static func page(_ ordinals: Range<Int>, number: Int, total: Int) -> UpstreamResponse {
        veniceAnswer(
            "{\"data\":[\(rows(ordinals))],\"pagination\":{\"limit\":500,\"page\":\(number),\"total\":\(total),"
                + "\"totalPages\":\((total + 499) / 500)}}")
    }

    @Test func successorIsTriedFirstAndCursorHasNoOtherParameters() async throws {
        let (source, api) = source { _, count in
            veniceAnswer(
                count == 0
                    ? "{\"data\":[\(Self.rows(0..<3))],\"nextCursor\":\"a+b\"}"
                    : "{\"data\":[\(Self.rows(3..<5))],\"nextCursor\":null}")
        }
        let context = try context()
        try await source.sync(context)
        #expect(
            api.asked == [
                "\(Self.history)?startTimestamp=2026-06-15T18%3A55%3A00Z&endTimestamp=2026-06-15T20%3A00%3A00Z&pageSize=1000",
                "\(Self.history)?cursor=a%2Bb",
            ])
        #expect(context.sum(.requests) == ExactDecimal(5))
        #expect(context.memory["endpoint"] == Self.history)
    }

    /// Reading such a response as hours without usage would revert what was counted.
    @Test(arguments: [VeniceEndpointSetting.usage, .usageHistory], ["{}", "{\"rows\":[]}"])
    func responseOfAnotherFormIsAFailure(setting: VeniceEndpointSetting, body: String) async throws {
        let (source, _) = source(setting) { _, _ in veniceAnswer(body) }
        let context = try context()
        let failure = await #expect(throws: SourceFailure.self) { try await source.sync(context) }
        #expect(failure?.reason == .decode)
        #expect(context.committed.isEmpty)
    }

    @Test func adjoiningHoursOfADayAreOneQueryAndOneCommit() async throws {
        let (source, api) = source { _, _ in veniceAnswer("{\"data\":[],\"nextCursor\":null}") }
        let context = try context(hours: [
            "2026-06-15T20:00:00Z", "2026-06-15T19:00:00Z", "2026-06-15T15:00:00Z", "2026-06-15T00:00:00Z",
            "2026-06-14T23:00:00Z",
        ])
        try await source.sync(context)
        #expect(api.asked.count == 4)
        #expect(api.asked.first?.contains("startTimestamp=2026-06-15T18%3A55%3A00Z&endTimestamp=2026-06-15T21") == true)
        #expect(api.asked.last?.contains("startTimestamp=2026-06-14T22%3A55%3A00Z") == true)
        #expect(context.committed.count == 5)
        // The four runs, the endpoint, and the state of the query for late charges.
        #expect(context.commits == 6)
    }

    @Test func bodyOrHeadersDetermineTheLastPage() async throws {
        for byHeaders in [false, true] {
            let (source, api) = source(.usage) { _, count in
                let ordinals = [0..<500, 500..<1000, 1000..<1100][count]
                guard byHeaders else { return Self.page(ordinals, number: count + 1, total: 1100) }
                return veniceAnswer(
                    "{\"data\":[\(Self.rows(ordinals))]}",
                    headers: [
                        "X-Pagination-Page": "\(count + 1)", "x-pagination-total": "1100",
                        "x-pagination-total-pages": "3",
                    ])
            }
            let context = try context()
            try await source.sync(context)
            #expect(context.sum(.requests) == ExactDecimal(1100))
            #expect(
                api.asked.first
                    == "\(Self.usage)?limit=500&page=1&sortOrder=asc&startDate=2026-06-15T18%3A55%3A00Z&endDate=2026-06-15T20%3A00%3A00Z"
            )
            #expect(api.asked.count == 3)
            // A pinned endpoint is not stored.
            #expect(context.memory["endpoint"] == nil)
        }
    }

    @Test func withoutPaginationAShortPageIsTheLast() async throws {
        let (source, api) = source(.usage) { _, count in
            veniceAnswer("{\"data\":[\(Self.rows(count == 0 ? 0..<500 : 500..<501))],\"warningMessage\":\"beta\"}")
        }
        let context = try context()
        try await source.sync(context)
        #expect(context.sum(.requests) == ExactDecimal(501))
        #expect(api.asked.count == 2)
    }

    @Test func rowsShiftedToTheNextPageAreNotCountedTwice() async throws {
        let (source, _) = source(.usage) { _, count in
            // Two late rows were inserted, so the first page's last two rows are at the top of the second page.
            count == 0
                ? Self.page(0..<500, number: 1, total: 700) : Self.page(498..<700, number: 2, total: 702)
        }
        let context = try context()
        try await source.sync(context)
        #expect(context.sum(.requests) == ExactDecimal(700))
        #expect(context.sum(.cost) == ExactDecimal(700))
    }

    @Test func removedRowsRestartTheTraversal() async throws {
        let (source, api) = source(.usage) { _, count in
            switch count {
            case 0: Self.page(0..<500, number: 1, total: 700)
            case 1: Self.page(501..<699, number: 2, total: 698)
            case 2: Self.page(2..<502, number: 1, total: 698)
            default: Self.page(502..<700, number: 2, total: 698)
            }
        }
        let context = try context()
        try await source.sync(context)
        #expect(context.sum(.requests) == ExactDecimal(698))
        #expect(api.asked.count == 4)
    }

    @Test func pageThatWasNotRequestedIsAFailure() async throws {
        let (source, api) = source(.usage) { _, _ in Self.page(0..<500, number: 1, total: 5000) }
        let failure = await #expect(throws: SourceFailure.self) { try await source.sync(try context()) }
        #expect(failure?.reason == .decode)
        #expect(api.asked.count == 2)
    }

    @Test func rejectedCursorRestartsWithoutCountingTwice() async throws {
        let (source, api) = source { call, count in
            if count == 1 { throw refusal(400) }
            return veniceAnswer(
                call.query.hasPrefix("cursor")
                    ? "{\"data\":[\(Self.rows(3..<5))],\"nextCursor\":null}"
                    : "{\"data\":[\(Self.rows(0..<3))],\"nextCursor\":\"c\(count)\"}")
        }
        let context = try context()
        try await source.sync(context)
        #expect(api.asked.count == 4)
        #expect(context.sum(.requests) == ExactDecimal(5))
    }

    @Test func repeatedCursorFailsAfterABoundedNumberOfAttempts() async throws {
        let (source, api) = source { _, _ in veniceAnswer("{\"data\":[],\"nextCursor\":\"again\"}") }
        let failure = await #expect(throws: SourceFailure.self) { try await source.sync(try context()) }
        #expect(failure?.reason == .decode)
        #expect(api.asked.count == 6)
    }

    @Test func restartedTraversalKeepsCommitsAndReadsOnlyTheRest() async throws {
        let hours = (0..<3).map { "2026-06-15T0\($0):00:00Z" }
        // 25,000 rows in the first hour, so that it is committed before the traversal breaks.
        let (source, api) = source { _, count in
            switch count {
            case 0..<25:
                let many = (0..<1000).map { row("2026-06-15T00:\(count + 10):00Z", request: "r\(count)-\($0)") }
                return veniceAnswer("{\"data\":[\(many.joined(separator: ","))],\"nextCursor\":\"c\(count)\"}")
            case 25: return veniceAnswer("{\"data\":[\(row("2026-06-15T01:30:00Z"))],\"nextCursor\":\"c25\"}")
            case 26: throw refusal(400)
            default: return veniceAnswer("{\"data\":[\(row("2026-06-15T01:30:00Z"))],\"nextCursor\":null}")
            }
        }
        let context = try context(hours: hours)
        try await source.sync(context)
        #expect(api.asked.last?.contains("startTimestamp=2026-06-15T00%3A55%3A00Z") == true)
        #expect(context.committed.map(\.slice) == (try hours.map(hour)))
        #expect(context.sum(.cost) == ExactDecimal(25_001))
    }

    @Test func autoFallsBackToTheOlderEndpointAndStoresIt() async throws {
        let (source, api) = source { call, _ in
            if call.path == Self.history { throw refusal(404) }
            return Self.page(0..<1, number: 1, total: 1)
        }
        let context = try context()
        try await source.sync(context)
        #expect(context.memory["endpoint"] == Self.usage)
        #expect(api.asked.count == 2)
        let next = try self.context(memory: context.memory)
        try await source.sync(next)
        #expect(api.asked.count == 3)
        #expect(next.sum(.requests) == ExactDecimal(1))
    }

    @Test func autoFollowsTheSuccessorOfAnEndpointThatIsGone() async throws {
        let (source, api) = source { call, _ in
            guard call.path != Self.usage else {
                throw refusal(
                    410,
                    headers: [
                        "Deprecation": "@1783555200", "Sunset": "Wed, 16 Sep 2026 00:00:00 GMT",
                        "Link": "<https://docs/x>; rel=\"deprecation\", </api/v2/ledger>; rel=\"successor-version\"",
                    ])
            }
            return veniceAnswer("{\"data\":[\(Self.rows(0..<2))],\"nextCursor\":null}")
        }
        let context = try context(memory: ["endpoint": Self.usage])
        try await source.sync(context)
        #expect(api.asked.map { $0.prefix { $0 != "?" } } == ["/api/v1/billing/usage", "/api/v2/ledger"])
        #expect(context.memory["endpoint"] == "/api/v2/ledger")
    }

    @Test func pinnedEndpointIsNotChanged() async throws {
        for (setting, path, status) in [
            (VeniceEndpointSetting.usage, Self.usage, 410), (.usageHistory, Self.history, 404),
        ] {
            let (source, api) = source(setting) { _, _ in throw refusal(status) }
            let context = try context(memory: ["endpoint": "/elsewhere"])
            let failure = await #expect(throws: UpstreamFailure.self) { try await source.sync(context) }
            #expect(failure?.status == status)
            #expect(api.asked.map { String($0.prefix { $0 != "?" }) } == [path])
        }
    }

    @Test func endpointsThatLinkToEachOtherAreEachTriedOnce() async throws {
        let (source, api) = source { call, _ in throw refusal(call.path == Self.usage ? 410 : 404) }
        let failure = await #expect(throws: UpstreamFailure.self) { try await source.sync(try context()) }
        #expect(failure?.reason == .gone)
        #expect(api.asked.count == 2)
    }

    @Test(arguments: [
        ("</a/b>; rel=\"successor-version\"", "/a/b"), ("</a>; rel=successor-version; type=\"x\"", "/a"),
        ("</a>; rel=\"next successor-version\"", "/a"), ("<https://evil.example/a>; rel=\"successor-version\"", nil),
        ("<//evil.example/a>; rel=\"successor-version\"", nil), ("</a>; rel=\"deprecation\"", nil),
        ("</a?key=1>; rel=\"successor-version\"", nil), ("", nil), ("</a", nil),
    ])
    func successorIsAPathOfTheSameHost(link: String, path: String?) {
        #expect(VeniceEndpointChoice.successor(in: link) == path)
    }
}
