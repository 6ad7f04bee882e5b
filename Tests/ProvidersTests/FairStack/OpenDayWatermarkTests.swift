import Testing
import UsageModel

@testable import Providers

/// Tests of the assignment of transactions to slices.
@Suite struct OpenDayWatermarkTests {
    private let today = UTCDay(daysSinceEpoch: 20_000)
    private var now: Timestamp { today.start + .hours(15) }

    private func due(_ day: UTCDay, read: Bool) -> DueSlice {
        DueSlice(slice: SliceID(period: day.period), lastRead: read ? day.start : nil, settles: false)
    }

    private func failure(_ id: String, _ time: Timestamp, pending: Bool = false) throws -> FairStackTransactionRow {
        let json = """
            {"transactions":[{"id":"\(id)","type":"generation","model":"m","created_at":"\(time)",
            "status":"\(pending ? "pending" : "failed")"}]}
            """
        let page = try FairStackBody<FairStackPage>.payload(of: answer(json))
        return FairStackTransactionRow(try #require(page.transactions.values.first))
    }

    private func failures(_ slice: SliceReading) -> Int? {
        slice.cells.filter { $0.family == .outcomes }.compactMap(\.value.wholeNumber).reduce(0, +)
    }

    @Test func openDayIsSplitAtTheWatermark() throws {
        var days = OpenDayWatermark(due: [due(today, read: false)], ground: nil, asked: now)
        days.take([
            try failure("new", now - .minutes(59)), try failure("old", now - .minutes(61)),
            try failure("yesterday", today.start - .hours(1)),
        ])
        #expect(days.finish(passed: today.start, isEnd: false).isEmpty)
        let part = try #require(days.finish(passed: today.start - .hours(1), isEnd: false).first)
        #expect(days.isEmpty)
        let finished = days.finished(part, earlier: [])
        #expect(finished.ground == now - .hours(1))
        #expect(finished.slices.map(\.slice.scope) == ["", "recent"])
        #expect(finished.slices.map(failures) == [1, 1])
    }

    @Test func openDayContinuesFromTheWatermark() throws {
        let ground = now - .hours(2)
        var days = OpenDayWatermark(due: [due(today, read: true)], ground: ground, asked: now)
        days.take([try failure("b", now - .minutes(90)), try failure("a", ground - .minutes(1))])
        let part = try #require(days.finish(passed: ground - .minutes(1), isEnd: false).first)
        let finished = days.finished(part, earlier: [Cell(.outcomes, ["", "m", "failure"], ExactDecimal(7))])
        #expect(finished.slices.map(failures) == [8, 0])
    }

    @Test func pendingTransactionHoldsTheWatermarkBackForALimitedTime() throws {
        for (age, ground) in [(Duration.hours(5), Duration.hours(5)), (.hours(7), .hours(1))] {
            var days = OpenDayWatermark(due: [due(today, read: false)], ground: nil, asked: now)
            days.take([try failure("p", now - age, pending: true)])
            let part = try #require(days.finish(passed: nil, isEnd: true).first)
            #expect(days.finished(part, earlier: []).ground == now - ground)
        }
    }

    @Test func closedDayIsReadCompletelyAndClearsTheRecentSlice() throws {
        let yesterday = today.advanced(by: -1)
        var days = OpenDayWatermark(
            due: [due(today, read: false), due(yesterday, read: true)], ground: yesterday.start + .hours(20), asked: now
        )
        days.take([try failure("a", yesterday.start), try failure("b", yesterday.start + .hours(23))])
        let parts = days.finish(passed: nil, isEnd: true)
        let closed = try #require(parts.last)
        let finished = days.finished(closed, earlier: [Cell(.outcomes, ["", "m", "failure"], ExactDecimal(7))])
        #expect(finished.ground == nil)
        #expect(finished.slices.map(\.slice.scope) == ["", "recent"])
        #expect(finished.slices.map(failures) == [2, 0])
    }

    @Test func watermarkInTheFutureIsIgnored() {
        let days = OpenDayWatermark(due: [due(today, read: true)], ground: now + .hours(1), asked: now)
        #expect(days.parts.map(\.from) == [today.start])
    }
}
