import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of the end of pagination: contradictory pages do not complete an hour (fault 20).
@Suite struct VenicePagesTests {
    /// The pagination fields of an API.
    private struct Pagination {
        var total: Int?
        var pages: Int?
        var limit: Int?
        var inHeaders = false

        func response(_ rows: String) -> UpstreamResponse {
            let fields = [("total", total), ("totalPages", pages), ("limit", limit)]
            guard inHeaders else {
                let members = fields.compactMap { name, value in value.map { "\"\(name)\":\($0)" } }
                return veniceAnswer("{\"data\":[\(rows)],\"pagination\":{\(members.joined(separator: ","))}}")
            }
            let headers = fields.compactMap { name, value in value.map { ("x-pagination-\(name)", "\($0)") } }
            return veniceAnswer("{\"data\":[\(rows)]}", headers: UpstreamHeaders(headers))
        }
    }

    /// Returns rows of one inference each, one per second.
    private static func rows(_ ordinals: Range<Int>) -> String {
        ordinals.map {
            row(
                "2026-06-15T19:\($0 / 60 < 10 ? "0" : "")\($0 / 60):\($0 % 60 < 10 ? "0" : "")\($0 % 60)Z",
                request: "r\($0)")
        }.joined(separator: ",")
    }

    private func sync(
        _ setting: VeniceEndpointSetting = .usage,
        _ answer: @escaping @Sendable (UpstreamCall, Int) throws -> UpstreamResponse
    ) async throws -> (context: KeptVisit, asked: Int, failure: (any ReasonedFailure)?) {
        let api = ScriptedVenice(answer)
        let context = KeptVisit(now: try moment("2026-06-16T00:00:00Z"), due: [try hour("2026-06-15T19:00:00Z")])
        do {
            try await VeniceUsageSource(api: api, setting: setting).sync(context)
            return (context, api.asked.count, nil)
        } catch let failure as any ReasonedFailure {
            return (context, api.asked.count, failure)
        }
    }

    @Test(arguments: [false, true])
    func pagesLimitedByTheAPIAreReadUntilTheTotalIsReached(inHeaders: Bool) async throws {
        let (context, asked, failure) = try await sync { _, count in
            Pagination(total: 700, inHeaders: inHeaders).response(Self.rows(count * 200..<min(700, count * 200 + 200)))
        }
        #expect(failure == nil)
        #expect(asked == 4)
        #expect(context.sum(.cost) == ExactDecimal(700))
    }

    @Test func totalHasPriorityOverTheNumberOfPages() async throws {
        let (context, asked, failure) = try await sync { _, count in
            Pagination(total: 700, pages: 1).response(Self.rows(count == 0 ? 0..<500 : 500..<700))
        }
        #expect(failure == nil)
        #expect(asked == 2)
        #expect(context.sum(.cost) == ExactDecimal(700))
    }

    @Test func withoutATotalTheGrantedPageSizeDeterminesTheLastPage() async throws {
        let (context, asked, failure) = try await sync { _, count in
            Pagination(limit: 200).response(Self.rows(count * 200..<min(450, count * 200 + 200)))
        }
        #expect(failure == nil)
        #expect(asked == 3)
        #expect(context.sum(.cost) == ExactDecimal(450))
    }

    /// 200 of 700 rows, then an empty page; an absurd total; an empty first page.
    @Test(arguments: [(200, 700), (3, 1_000_000_000_000), (0, 5)])
    func pagesThatEndBeforeTheTotalCompleteNoHour(rows: Int, total: Int) async throws {
        let (context, asked, failure) = try await sync { _, count in
            Pagination(total: total).response(count == 0 ? Self.rows(0..<rows) : "")
        }
        #expect(failure?.reason == .decode)
        #expect(context.committed.isEmpty)
        #expect(asked <= 2)
    }

    @Test(arguments: [(3, Optional(0), Int?.none), (500, 400, nil), (500, nil, 0), (500, nil, 3)])
    func pagesThatContradictTheTotalCompleteNoHour(rows: Int, total: Int?, pages: Int?) async throws {
        let (context, asked, failure) = try await sync { call, _ in
            Pagination(total: total, pages: pages).response(call.query.contains("page=1&") ? Self.rows(0..<rows) : "")
        }
        #expect(failure?.reason == .decode)
        #expect(context.committed.isEmpty)
        #expect(asked <= 6)
    }

    @Test(arguments: [1000, nil])
    func repeatedPageCompletesNoHour(total: Int?) async throws {
        let (context, _, failure) = try await sync { _, _ in Pagination(total: total).response(Self.rows(0..<500)) }
        #expect(failure?.reason == .decode)
        #expect(context.committed.isEmpty)
    }

    @Test func lateRowsBetweenLimitedPagesAreCountedOnce() async throws {
        let (context, asked, failure) = try await sync { _, count in
            // Two rows were inserted into the first page, so its last two rows repeat.
            switch count {
            case 0: Pagination(total: 500).response(Self.rows(0..<200))
            case 1: Pagination(total: 502).response(Self.rows(198..<398))
            default: Pagination(total: 502).response(Self.rows(398..<500))
            }
        }
        #expect(failure == nil)
        #expect(asked == 3)
        #expect(context.sum(.cost) == ExactDecimal(500))
    }

    @Test func withoutATotalRepeatedRowsAreDetectedByInference() async throws {
        let (context, _, failure) = try await sync { _, count in
            veniceAnswer("{\"data\":[\(Self.rows(count == 0 ? 0..<500 : 499..<700))]}")
        }
        #expect(failure == nil)
        #expect(context.sum(.cost) == ExactDecimal(700))
    }

    @Test func shiftedPageWithAnUnchangedTotalIsReadAgain() async throws {
        let (context, asked, failure) = try await sync { _, count in
            let pages = [0..<500, 400..<900, 0..<500, 500..<1000, 1000..<1100]
            return Pagination(total: 1100).response(Self.rows(pages[count]))
        }
        #expect(failure == nil)
        #expect(asked == 5)
        #expect(context.sum(.cost) == ExactDecimal(1100))
    }

    /// One row repeats at the top of the next page while another one is skipped, so the total agrees.
    @Test func pageShiftedByOneRowIsReadAgain() async throws {
        let (context, asked, failure) = try await sync { _, count in
            let pages = [0..<500, 499..<999, 0..<500, 500..<1000, 1000..<1100]
            return Pagination(total: 1100).response(Self.rows(pages[count]))
        }
        #expect(failure == nil)
        #expect(asked == 5)
        #expect(context.sum(.cost) == ExactDecimal(1100))
    }

    /// The page overlaps the previous one neither at its start nor at its end, and the total agrees.
    @Test func pageFromAnEarlierPositionIsReadAgain() async throws {
        let (context, asked, failure) = try await sync { _, count in
            let pages = [0..<500, 500..<1000, 250..<750, 0..<500, 500..<1000, 1000..<1500]
            return Pagination(total: 1500).response(Self.rows(pages[count]))
        }
        #expect(failure == nil)
        #expect(asked == 6)
        #expect(context.sum(.cost) == ExactDecimal(1500))
    }

    @Test func equalRowsOfOneInferenceOnBothSidesOfAPageAreAllCounted() async throws {
        let twin = row("2026-06-15T19:30:00Z", "search-augmentation", request: "twin")
        let (context, asked, failure) = try await sync { call, _ in
            Pagination(total: 600).response(
                call.query.contains("page=1&")
                    ? Self.rows(0..<499) + "," + twin : twin + "," + Self.rows(500..<599))
        }
        #expect(failure == nil)
        // Two more times, to make sure that the page did not shift.
        #expect(asked == 6)
        #expect(context.sum(.cost) == ExactDecimal(600))
    }

    @Test(arguments: [VeniceEndpointSetting.usage, .usageHistory])
    func nullListIsNotAnEmptyList(setting: VeniceEndpointSetting) async throws {
        for body in ["{\"data\":null,\"nextCursor\":null}", "{\"error\":\"try later\"}"] {
            let (context, _, failure) = try await sync(setting) { _, _ in veniceAnswer(body) }
            #expect(failure?.reason == .decode)
            #expect(context.committed.isEmpty)
        }
    }

    @Test func repeatedCursorPageCompletesNoHour() async throws {
        let (context, asked, failure) = try await sync(.usageHistory) { _, count in
            veniceAnswer(
                "{\"data\":[\(Self.rows(0..<20))],\"nextCursor\":\(count % 2 == 0 ? "\"c\(count)\"" : "null")}")
        }
        #expect(failure?.reason == .decode)
        #expect(asked == 6)
        #expect(context.committed.isEmpty)
    }

    @Test func fullCursorPageWithoutNextCursorCompletesNoHour() async throws {
        let (context, _, failure) = try await sync(.usageHistory) { _, _ in
            veniceAnswer("{\"data\":[\(Self.rows(0..<1000))]}")
        }
        #expect(failure?.reason == .decode)
        #expect(context.committed.isEmpty)
        let short = try await sync(.usageHistory) { _, _ in veniceAnswer("{\"data\":[\(Self.rows(0..<10))]}") }
        #expect(short.failure == nil)
        #expect(short.context.sum(.cost) == ExactDecimal(10))
    }

    /// The API ignores the requested order, so no hour is complete before the last page.
    @Test func pagesInDescendingOrderCommitNoHourBeforeTheLastPage() async throws {
        let hours = try (0..<22).map { try hour("2026-06-15T\($0 < 10 ? "0" : "")\($0):00:00Z") }
        for ends in [false, true] {
            let api = ScriptedVenice { _, count in
                guard count < 22 else { throw refusal(401) }
                let hour = 21 - count
                let rows = (0..<1000).map {
                    row("2026-06-15T\(hour < 10 ? "0" : "")\(hour):30:00Z", request: "r\(count)-\($0)")
                }
                let cursor = count == 21 && ends ? "null" : "\"c\(count)\""
                return veniceAnswer("{\"data\":[\(rows.joined(separator: ","))],\"nextCursor\":\(cursor)}")
            }
            let context = KeptVisit(now: try moment("2026-06-16T00:00:00Z"), due: hours.reversed())
            try? await VeniceUsageSource(api: api, setting: .usageHistory).sync(context)
            #expect(context.committed.count == (ends ? 22 : 0))
            #expect(context.committed.allSatisfy { $0.cells.contains(Cell(.cost, ["", "m"], ExactDecimal(1000))) })
        }
    }
}
