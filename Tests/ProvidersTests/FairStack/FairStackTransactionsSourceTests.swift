import TestSupport
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
    ///
    /// - Parameter pageLength: the API's own maximum of rows in a page.
    private func api(_ rows: [Row], pageLength: Int) -> AnsweringAPI {
        AnsweringAPI { _, query in
            let limit = min(pageLength, Int(query["limit"] ?? "") ?? 20)
            let start = Int(query["cursor"] ?? "0") ?? 0
            let end = min(rows.count, start + limit)
            let page = rows[start..<end].map(\.json).joined(separator: ",")
            return #"{"transactions":[\#(page)],"has_more":\#(end < rows.count),"cursor":"\#(end)"}"#
        }
    }

    private func sync(_ context: StoredVisit, _ rows: [Row], pageLength: Int = 100) async throws -> Int {
        let api = api(rows, pageLength: pageLength)
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

    @Test("pages that are shorter than requested do not end at a few old rows", arguments: [1, 3, 7])
    func shortPages(length: Int) async throws {
        let context = StoredVisit(now: noon, days: 6)
        let failures = (0..<60).map { Row(id: "f\($0)", time: noon - .minutes($0 * 20)) }
        let old = (0..<9).map { Row(id: "old\($0)", time: noon - .hours(61)) }
        // The old rows fill the first pages.
        _ = try await sync(context, old + failures, pageLength: length)
        #expect(context.sum(.outcomes, on: noon.day) { $0[2] == "failure" } == ExactDecimal(37))
        #expect(context.sum(.outcomes) == ExactDecimal(69))
    }

    @Test("old rows anywhere in the list lose no newer ones at any sync", arguments: UInt64(0)..<40)
    func oldRowsAnywhere(seed: UInt64) async throws {
        let random = SeededRandom(seed)
        let context = StoredVisit(now: noon, days: 6)
        var rows = (0..<400).map { Row(id: "f\($0)", time: noon - .minutes(1 + $0 * 20)) }
        for step in 0..<4 {
            var list = rows.sorted { $0.time > $1.time }
            for run in 0..<random.int(0...2) {
                // Jobs of two days ago that failed now.
                let old = (0...random.int(0...3)).map {
                    Row(id: "old\(step)-\(run)-\($0)", time: noon - .minutes(random.int(50 * 60...60 * 60)))
                }
                list.insert(contentsOf: old, at: random.int(0...list.count))
                rows += old
            }
            _ = try await sync(context, list)
            let today = rows.count { $0.time.day == noon.day }
            #expect(context.sum(.outcomes, on: noon.day) == ExactDecimal(today))
            context.advance(by: .minutes(30))
            rows += (0..<random.int(0...90)).map { Row(id: "n\(step)-\($0)", time: context.now - .seconds($0 * 15)) }
        }
        // Every day has its last scheduled reading.
        context.advance(by: .days(4))
        _ = try await sync(context, rows.sorted { $0.time > $1.time })
        #expect(context.sum(.outcomes) == ExactDecimal(rows.count { $0.time >= context.ledgerStart }))
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
