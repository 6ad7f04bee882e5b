import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of requests that the API counts and does not list.
@Suite struct UseAPIUnlistedTests {
    private func cells(_ json: String, earlier: [Cell] = [], isSettled: Bool = true) throws -> [Cell] {
        try #require(try found(json, earlier: earlier, isSettled: isSettled))
    }

    private func found(_ json: String, earlier: [Cell] = [], isSettled: Bool) throws -> [Cell]? {
        try UseAPIDay(UpstreamResponse(json: json), bot: "kling", day: try #require(UTCDay("2026-02-13")))
            .cells(earlier: earlier, isSettled: isSettled) { _ in ExactDecimal(1) }
    }

    private static let summary = """
        {"total":10,"summary":{"by_config":{"a":10},"by_code":{"200":7,"500":2},"by_endpoint":{"e":10},
        "by_model":{"m":6,"n":1},"avg_msec":500}
        """

    @Test func summaryWithoutRowsIsCountedByItsLabels() throws {
        let cells = try cells(Self.summary + #","data":[]}"#)
        #expect(
            sums(cells)
                == sums([
                    Cell(.requests, ["", "m"], ExactDecimal(6)), Cell(.requests, ["", "n"], ExactDecimal(1)),
                    Cell(.requests, ["", "kling"], ExactDecimal(3)),
                    Cell(.useapiResponses, ["kling", "", "", "200"], ExactDecimal(7)),
                    Cell(.useapiResponses, ["kling", "", "", "500"], ExactDecimal(2)),
                    Cell(.useapiResponses, ["kling", "", "", ""], ExactDecimal(1)),
                    Cell(.outcomes, ["", "", "success"], ExactDecimal(7)),
                    Cell(.outcomes, ["", "", "failure"], ExactDecimal(2)),
                ]))
    }

    @Test func countWithoutRowsWaitsForTheList() throws {
        #expect(try found(Self.summary + #","data":[]}"#, isSettled: false) == nil)
        let rows = [Cell(.useapiResponses, ["kling", "a", "e", "200"], ExactDecimal(1))]
        #expect(try found(Self.summary + #","data":[]}"#, earlier: rows, isSettled: false) == nil)
        #expect(try found(#"{"total":0,"data":[]}"#, isSettled: false) == [])
    }

    @Test func dayReadFromItsSummaryStaysSoWhenRowsAppear() throws {
        let first = try cells(Self.summary + "}")
        let again = try cells(
            Self.summary + #","data":[{"config":"a","endpoint":"e","code":200,"model":"m"}]}"#, earlier: first)
        #expect(sums(again) == sums(first))
    }

    @Test func vanishedRowsFailWithoutChange() throws {
        let first = try cells(#"{"total":1,"data":[{"config":"a","endpoint":"e","code":200}]}"#)
        let failure = #expect(throws: SourceFailure.self) {
            _ = try cells(Self.summary + "}", earlier: first)
        }
        #expect(failure?.reason == .decode)
        #expect(try cells(#"{"total":0,"data":[]}"#, earlier: first).isEmpty)
    }

    @Test func countBeyondTheListWaitsForTheEndOfTheDay() throws {
        let json = Self.summary + #","data":[{"config":"a","endpoint":"e","code":200,"model":"m"}]}"#
        #expect(try cells(json, isSettled: false).of(.requests) == [["a", "m"]: ExactDecimal(1)])
        let requests = try cells(json).of(.requests)
        #expect(
            requests == [
                ["a", "m"]: ExactDecimal(1), ["", "m"]: ExactDecimal(5), ["", "n"]: ExactDecimal(1),
                ["", "kling"]: ExactDecimal(3),
            ])
    }

    @Test func summaryBeyondTheTotalIsIgnored() throws {
        let cells = try cells(
            #"{"total":3,"summary":{"by_model":{"m":1000000000000000,"n":3},"by_code":{"200":4}},"data":[{}]}"#)
        #expect(cells.of(.requests) == [["", "kling"]: ExactDecimal(3)])
        #expect(cells.of(.useapiResponses) == [["kling", "", "", ""]: ExactDecimal(3)])
        #expect(cells.of(.outcomes).isEmpty)
    }

    @Test func moreRowsThanCountedAreCountedAsListed() throws {
        let cells = try cells(#"{"total":1,"data":[{"config":"a"},{"config":"b"}]}"#)
        #expect(
            cells.of(.requests) == [["a", "kling"]: ExactDecimal(1), ["b", "kling"]: ExactDecimal(1)])
    }
}
