import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of `GET /v1/usage/transactions` with whole syncs.
@Suite struct FairStackTransactionsSourceTests {
    private let noon = Timestamp(milliseconds: 1_795_176_000_000)  // 2026-11-20T12:00:00Z

    private struct Row {
        let id: String
        let time: Timestamp
        var type = "generation"
        var status = "failed"
        var micro = 0

        var json: String {
            #"{"id":"\#(id)","type":"\#(type)","model":"m","cost":{"micro":\#(micro)},"status":"\#(status)","#
                + #""created_at":"\#(time)"}"#
        }
    }

    /// Returns an API that pages through a list; the cursor is the index of the next row.
    private func api(_ rows: [Row]) -> AnsweringAPI {
        AnsweringAPI { _, query in
            let limit = Int(query["limit"] ?? "") ?? 20
            let start = Int(query["cursor"] ?? "0") ?? 0
            let end = min(rows.count, start + limit)
            let page = rows[start..<end].map(\.json).joined(separator: ",")
            return #"{"transactions":[\#(page)],"has_more":\#(end < rows.count),"cursor":"\#(end)"}"#
        }
    }

    private func sync(_ context: StoredVisit, _ rows: [Row]) async throws -> Int {
        let api = api(rows)
        try await FairStackTransactionsSource(api: api).sync(context)
        return api.takeRequests().count
    }

    @Test func oldRowsNearTheTopDoNotEndTheTraversal() async throws {
        let context = StoredVisit(now: noon, days: 6)
        let failures = (0..<150).map { Row(id: "f\($0)", time: noon - .seconds(60 + $0 * 200)) }
        let topUp = Row(id: "t", time: noon - .hours(30), type: "top_up", status: "completed", micro: -9_000_000)
        let old = (0..<9).map { Row(id: "old\($0)", time: noon - .hours(61)) }
        // Jobs that were created 61 hours ago and failed now, one of them at the end of the first page.
        let rows = Array(old.prefix(8)) + failures.prefix(91) + old.suffix(1) + failures.dropFirst(91) + [topUp]
        #expect(try await sync(context, rows) == 2)
        #expect(context.sum(.outcomes, on: noon.day) { $0[2] == "failure" } == ExactDecimal(150))
        #expect(context.sum(.outcomes) == ExactDecimal(159))
        #expect(context.sum(.topups) == ExactDecimal(9))
    }

    @Test func ordinaryListNeedsNoFurtherPage() async throws {
        let context = StoredVisit(now: noon, days: 6)
        let rows = (0..<600).map { Row(id: "f\($0)", time: noon - .minutes($0 * 20)) }
        // 72 transactions a day.
        #expect(try await sync(context, rows) == 5)
        context.advance(by: .minutes(5))
        #expect(try await sync(context, rows) == 1)
        #expect(context.sum(.outcomes) == ExactDecimal(469))
    }

    @Test func partialAndCancelledGenerationsAreNotFailures() async throws {
        let context = StoredVisit(now: noon)
        let rows = ["completed", "partial", "cancelled", "failed"].map { Row(id: $0, time: noon, status: $0) }
        _ = try await sync(context, rows)
        #expect(context.sum(.outcomes) == ExactDecimal(1))
    }
}
