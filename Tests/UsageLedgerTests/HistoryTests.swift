import Testing
import UsageLedger
import UsageModel

@Suite("History is counted when it is complete")
struct HistoryTests {
    @Test("staged usage is served only once the history is complete")
    func fold() async throws {
        let bench = try await LedgerBench(historyComplete: false)
        #expect(try await bench.commit([spent("m", "1")], day: 1).isEmpty)
        #expect(try await bench.commit([spent("m", "2"), spent("n", "4")], day: 0).isEmpty)
        #expect(try await bench.commit([spent("m", "1.5")], day: 1).isEmpty)
        #expect(try await bench.totals().isEmpty)
        #expect(try await bench.sums(0...1).isEmpty)
        #expect(try await bench.ledger.states(of: bench.source.id).map(\.slice) == [.day(0), .day(1)])

        let change = try await bench.ledger.completeHistory(of: bench.source.id, now: .noon)
        #expect(Set(change.series.map(\.name)) == [cost("m"), cost("n"), corrections])
        #expect(change.series.allSatisfy { $0.bornAt == nil && $0.startedAt == .start })
        #expect(try await bench.totals() == change.series.named)
        #expect(change.series.named[cost("m")]?.sum == ExactDecimal("3.5"))
        #expect(try await bench.sums(1...1) == [cost("m"): ExactDecimal("1.5")])

        #expect(try await bench.ledger.completeHistory(of: bench.source.id, now: .noon).isEmpty)
        #expect(try await bench.totals() == change.series.named)
    }

    @Test("after the history is complete, commits are served at once and replace staged slices")
    func afterFold() async throws {
        let bench = try await LedgerBench(historyComplete: false)
        try await bench.commit([spent("m", "1")])
        _ = try await bench.ledger.completeHistory(of: bench.source.id, now: .noon)
        let change = try await bench.commit([spent("m", "3"), spent("n", "1")])
        #expect(change.series.named[cost("m")]?.sum == 3)
        #expect(change.series.named[cost("m")]?.bornAt == nil)
        #expect(change.series.named[cost("n")]?.bornAt == .noon)
    }

    @Test("a slice read after its last offset while staged is counted once, and keeps its cells")
    func settledWhileStaged() async throws {
        let bench = try await LedgerBench(historyComplete: false)
        try await bench.commit([spent("m", "1")], day: 0, readAt: .start + .days(10))
        #expect(try await bench.ledger.cells(of: bench.source.id, slice: .day(0)) == [spent("m", "1")])
        let change = try await bench.ledger.completeHistory(of: bench.source.id, now: .noon + .days(10))
        #expect(change.series.named[cost("m")]?.sum == 1)
        #expect(try await bench.ledger.cells(of: bench.source.id, slice: .day(0)) == [spent("m", "1")])
        #expect(try await bench.sums(0...0) == [cost("m"): 1])
    }

    @Test("gauges are served while usage is staged")
    func gaugesAreLive() async throws {
        let bench = try await LedgerBench(historyComplete: false)
        var reading = Reading()
        reading.gauges = [.balanceUSD: [GaugeSample([], 50.25)]]
        let change = try await bench.ledger.commit(reading, to: bench.source.id, now: .noon)
        #expect(change.gauges == reading.gauges)
    }

    @Test("two sources of one account add to the same series")
    func sharedSeries() async throws {
        let bench = try await LedgerBench()
        let more = try await bench.secondSource(historyComplete: false)
        try await bench.commit([spent("m", "1")])
        try await bench.commit([spent("m", "2"), spent("n", "7")], to: more)
        #expect(try await bench.totals()[cost("m")]?.sum == 1)
        #expect(try await bench.totals()[cost("n")] == nil)

        let change = try await bench.ledger.completeHistory(of: more.id, now: .noon)
        #expect(change.series.named[cost("m")]?.sum == 3)
        #expect(change.series.named[cost("m")]?.bornAt == .noon)
        #expect(change.series.named[cost("n")]?.bornAt == nil)
        try await bench.commit([], to: more)
        #expect(try await bench.totals()[cost("m")]?.sum == 1)
        #expect(try await bench.totals()[corrections]?.sum == 9)
    }

    @Test("staged usage survives a restart")
    func restart() async throws {
        let bench = try await LedgerBench(historyComplete: false)
        try await bench.commit([spent("m", "1")])
        try await bench.ledger.close()
        let ledger = try await bench.folder.open()
        let source = try await ledger.registerSource("usage", of: bench.account.id)
        #expect(source.id == bench.source.id)
        #expect(source.ledgerStart == .start)
        #expect(!source.isHistoryComplete)
        let change = try await ledger.completeHistory(of: source.id, now: .noon)
        #expect(change.series.named[cost("m")]?.sum == 1)
        let again = try await ledger.registerSource("usage", of: bench.account.id)
        #expect(again.isHistoryComplete)
        try await ledger.close()
    }
}
