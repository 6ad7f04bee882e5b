import Testing
import UsageModel
import Upstream

@testable import Providers

/// The gauge of days of which only a part was listed.
@Suite struct UseAPITruncatedDaysTests {
    private static let day = UTCDay(daysSinceEpoch: 20_777)  // 2026-11-20
    private static let noon = day.start + .hours(12)
    private static let cut = Array(repeating: #"{"config":"a","code":200}"#, count: 50_000).joined(separator: ",")
    private static let cutDay = #"{"total":50000,"summary":{"by_config":{"a":50000}},"data":[\#(cut)]}"#
    private static let wholeDay = #"{"total":1,"data":[{"config":"a","code":200}]}"#

    private func sync(_ context: StoredVisit, _ answer: @escaping @Sendable (String) -> String) async throws {
        let api = AnsweringAPI { _, query in answer(query["date"] ?? "") }
        try await UseAPIStatsSource(bot: "kling", prices: [:], api: api).sync(context)
    }

    /// A day whose list has `listed` rows and whose summary counts `counted` requests.
    private func day(listed: Int, counted: Int) throws -> UseAPIDay {
        let head = #"{"total":\#(listed),"summary":{"by_config":{"a":\#(counted)}}}"#
        return UseAPIDay(
            bot: "kling", day: Self.day, rows: try rows(listed),
            head: try JSONBody.decode(UseAPIStatsHead.self, from: UpstreamResponse(json: head)))
    }

    private func rows(_ count: Int) throws -> UseAPIRows {
        let row = try JSONBody.decode(UseAPIRow.self, from: UpstreamResponse(json: #"{"config":"a","code":200}"#))
        var rows = UseAPIRows()
        for _ in 0..<count { rows.add(row) }
        return rows
    }

    @Test("a truncated day shows until it is read whole, and not for other days")
    func gauge() async throws {
        let context = StoredVisit(now: Self.noon, days: 1)
        try await sync(context) { $0 == "2026-11-19" ? Self.cutDay : Self.wholeDay }
        #expect(context.gauges[.truncatedDays] == [GaugeSample(["kling"], 1)])
        #expect(context.memories["truncated"] == "[20776]")
        // Only the open day is due: the closed one is remembered.
        context.advance(by: .minutes(5))
        try await sync(context) { _ in Self.wholeDay }
        #expect(context.gauges[.truncatedDays] == [GaugeSample(["kling"], 1)])
        context.advance(by: .hours(12))
        try await sync(context) { _ in Self.wholeDay }
        #expect(context.gauges[.truncatedDays] == [GaugeSample(["kling"], 0)])
        #expect(context.memories["truncated"] == nil)
    }

    @Test("a bot without truncated days has a 0, and nothing is stored")
    func none() async throws {
        let context = StoredVisit(now: Self.noon, days: 2)
        try await sync(context) { _ in Self.wholeDay }
        #expect(context.gauges[.truncatedDays] == [GaugeSample(["kling"], 0)])
        #expect(context.readings.allSatisfy { $0.memory["truncated"] == nil })
    }

    @Test("a truncated day that is listed as empty later stays truncated, with its figures")
    func emptied() async throws {
        let context = StoredVisit(now: Self.noon)
        try await sync(context) { _ in Self.cutDay }
        context.advance(by: .minutes(5))
        try await sync(context) { _ in #"{"total":0,"data":[]}"# }
        #expect(context.gauges[.truncatedDays] == [GaugeSample(["kling"], 1)])
        #expect(context.sum(.requests) == ExactDecimal(50_000))
    }

    @Test("stored days that cannot be decoded count as none", arguments: ["", "{", "[\"x\"]", "7"])
    func undecodable(stored: String) async throws {
        let known = UseAPITruncatedDays(stored: stored)
        #expect(known.count == 0)
        #expect(try known.encoded() == nil)
    }

    @Test("days that the API may no longer serve leave")
    func oldDays() throws {
        let known = UseAPITruncatedDays(stored: "[20000,20689,20700]")
        let after = known.after(nil, isSettled: true, keptFrom: Self.day.advanced(by: -88))
        #expect(try after.encoded() == "[20689,20700]")
        #expect(
            try after.after(day(listed: 50_000, counted: 50_000), isSettled: true, keptFrom: Self.day).encoded()
                == "[20777]")
    }

    @Test(
        "a day split by account is truncated if its summary covers only the list, not if rows arrived since",
        arguments: [(50_000, 50_001, true), (50_000, 50_000, false), (50_001, 50_002, false), (50_003, 50_001, false)])
    func split(counted: Int, rows: Int, isIncomplete: Bool) throws {
        let whole = try day(listed: 50_000, counted: counted)
        #expect(whole.isIncomplete)
        let split = whole.split(into: try self.rows(rows), isIncomplete: false)
        #expect(split.isIncomplete == isIncomplete)
        #expect(split.total == max(counted, rows))
        #expect(whole.split(into: try self.rows(rows), isIncomplete: true).isIncomplete)
    }

    @Test("a truncated list with other rows at each reading counts no request twice")
    func movingList() throws {
        /// Rows of one code for each model, in a list of the maximum length.
        func cells(_ first: Int, earlier: [Cell], isSettled: Bool) throws -> [Cell] {
            var rows = UseAPIRows()
            for (model, count) in [("m", first), ("n", 50_000 - first)] {
                let row = try JSONBody.decode(
                    UseAPIRow.self, from: UpstreamResponse(json: #"{"config":"a","code":200,"model":"\#(model)"}"#))
                for _ in 0..<count { rows.add(row) }
            }
            let head =
                #"{"total":70000,"summary":{"by_config":{"a":70000},"by_code":{"200":70000},"#
                + #""by_model":{"m":45000,"n":25000}}}"#
            let day = UseAPIDay(
                bot: "kling", day: Self.day, rows: rows,
                head: try JSONBody.decode(UseAPIStatsHead.self, from: UpstreamResponse(json: head)))
            return try #require(try day.cells(earlier: earlier, isSettled: isSettled) { _ in ExactDecimal(1) })
        }
        let first = try cells(45_000, earlier: [], isSettled: false)
        let second = try cells(30_000, earlier: first, isSettled: false)
        #expect(second.of(.requests) == [["a", "m"]: ExactDecimal(45_000), ["a", "n"]: ExactDecimal(20_000)])
        let third = try cells(28_000, earlier: second, isSettled: true)
        #expect(
            third.of(.requests) == [
                ["a", "m"]: ExactDecimal(45_000), ["a", "n"]: ExactDecimal(22_000), ["", "n"]: ExactDecimal(3000),
            ])
        for family in [LedgerFamily.outcomes, .useapiResponses] {
            #expect(third.of(family).values.reduce(.zero, +) == ExactDecimal(70_000))
        }
        #expect(sums(try cells(28_000, earlier: third, isSettled: true)) == sums(third))
        // Rows that are listed later are no longer among those that are not.
        let fourth = try cells(25_000, earlier: third, isSettled: true)
        #expect(fourth.of(.requests) == [["a", "m"]: ExactDecimal(45_000), ["a", "n"]: ExactDecimal(25_000)])
        for family in [LedgerFamily.outcomes, .useapiResponses] {
            #expect(fourth.of(family).values.reduce(.zero, +) == ExactDecimal(70_000))
        }
    }
}
