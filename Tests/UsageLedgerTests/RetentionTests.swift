import GRDB
import Testing
import UsageModel

@testable import UsageLedger

@Suite("Retention")
struct RetentionTests {
    private let today = UTCDay.first.advanced(by: 30)

    private func prune(_ bench: LedgerBench, before day: Int) async throws -> [AccountID: LedgerChange] {
        let day = UTCDay.first.advanced(by: day)
        try await bench.ledger.fold(bench.source.id, before: day.start)
        return try await bench.ledger.pruneDays(before: day)
    }

    @Test("old daily totals and slice states are deleted; totals stay")
    func prunes() async throws {
        let bench = try await LedgerBench()
        for day in 0..<10 { try await bench.commit([spent("m", "1")], day: day, readAt: .noon + .days(day + 5)) }
        let before = try await bench.totals()
        let change = try await prune(bench, before: 5)
        #expect(change.isEmpty)
        #expect(try await bench.totals() == before)
        #expect(try await bench.sums(0...4).isEmpty)
        #expect(try await bench.sums(0...9)[cost("m")] == 5)
        let forgotten = SliceID(period: Period(start: .start, end: .start + .days(5)))
        #expect(
            try await bench.ledger.states(of: bench.source.id).map(\.slice)
                == [forgotten] + (5..<10).map { SliceID.day($0) })
    }

    @Test("a deleted slice is neither due nor counted again")
    func neverTwice() async throws {
        let bench = try await LedgerBench()
        for day in 0..<10 { try await bench.commit([spent("m", "1")], day: day, readAt: .noon + .days(day + 5)) }
        _ = try await prune(bench, before: 5)
        #expect(try await bench.commit([spent("m", "1")], day: 2, readAt: today.start).isEmpty)
        #expect(try await bench.totals()[cost("m")]?.sum == 10)

        let states = try await bench.ledger.states(of: bench.source.id)
        let slicing = Slicing(unit: .day)
        let due = SlicePlan(states: states, slicing: slicing, ledgerStart: .start, now: .start + .days(20)).due()
        #expect(due.map(\.slice) == (10...20).reversed().map { SliceID.day($0) })
        #expect(
            SlicePlan(states: states, slicing: slicing, ledgerStart: .start, now: .start + .days(20)).dataThrough
                == .start + .days(10))
    }

    @Test("reconciliation covers the retained days")
    func reconciliationFollows() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([Cell(.reconciliation, [], 3)], day: 0, readAt: .noon + .days(5))
        try await bench.commit([Cell(.reconciliation, [], -1)], day: 9, readAt: .noon + .days(14))
        let change = try await prune(bench, before: 5)
        #expect(change[bench.account.id]?.series.map(\.counter) == [-1])
        #expect(try await bench.totals()[reconciliation]?.sum == -1)
        #expect(try await prune(bench, before: 5).isEmpty)
    }

    @Test("until its cells are folded, an old day can increase and decrease")
    func reopened() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "10")], day: 0, readAt: .noon + .days(9))
        let more = try await bench.commit([spent("m", "12")], day: 0, readAt: .noon + .days(40))
        #expect(more.series.named[cost("m")]?.counter == 12)
        let less = try await bench.commit([spent("m", "11")], day: 0, readAt: .noon + .days(41))
        #expect(less.series.named[cost("m")]?.counter == 12)
        #expect(less.series.named[corrections]?.counter == 1)
        #expect(try await bench.sums(0...0)[cost("m")] == 11)
        _ = try await prune(bench, before: 20)
        #expect(try await bench.ledger.cells(of: bench.source.id, slice: .day(0)).isEmpty)
        #expect(try await bench.totals()[cost("m")]?.sum == 11)
    }

    @Test("staged slices are not folded before their history is complete")
    func stagedStays() async throws {
        let bench = try await LedgerBench(historyComplete: false)
        try await bench.commit([spent("m", "1")], day: 0, readAt: .noon + .days(9))
        _ = try await prune(bench, before: 20)
        let change = try await bench.ledger.completeHistory(of: bench.source.id, now: today.start)
        #expect(change.series.named[cost("m")]?.sum == 1)
    }

    @Test("storage stays bounded while days pass")
    func bounded() async throws {
        let bench = try await LedgerBench()
        func pass(_ days: Range<Int>) async throws -> Int64 {
            for day in days {
                let cells = (0..<50).map { spent("model-\($0)", "0.25") }
                try await bench.commit(cells, day: day, readAt: .noon + .days(day + 4))
                _ = try await prune(bench, before: day - 10)
            }
            return try await bench.ledger.read { db in
                try Int64.fetchOne(
                    db,
                    sql: """
                        SELECT (SELECT count(*) FROM slice) + (SELECT count(*) FROM cell)
                          + (SELECT count(*) FROM day_total) + (SELECT count(*) FROM series)
                        """) ?? 0
            }
        }
        let rows = try await pass(0..<15)
        #expect(rows > 0)
        #expect(try await pass(15..<45) == rows)
    }
}
