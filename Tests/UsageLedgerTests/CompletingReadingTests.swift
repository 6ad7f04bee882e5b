import Testing
import UsageModel

@testable import UsageLedger

@Suite struct CompletingReadingTests {
    private func reading(_ usd: String, day: Int, completes: Bool) -> Reading {
        var reading = Reading()
        reading.slices = [SliceReading(.day(day), cells: [spent("m", usd)], readAt: .noon + .days(day))]
        reading.memory["seen"] = usd
        reading.completesHistory = completes
        return reading
    }

    @Test("a reading that completes the history is served with all staged slices") func completes() async throws {
        let bench = try await LedgerBench(historyComplete: false)
        let (ledger, source) = (bench.ledger, bench.source.id)
        let staged = try await ledger.commit(
            reading("1", day: 0, completes: false), to: source, now: .noon)
        #expect(staged.series.isEmpty)
        let change = try await ledger.commit(
            reading("2", day: 1, completes: true), to: source, now: .noon + .days(1))
        #expect(change.series.named[cost("m")]?.counter == 3)
        #expect(change.series.allSatisfy { $0.bornAt == nil })
        // The same again is an ordinary commit.
        let again = try await ledger.commit(
            reading("5", day: 1, completes: true), to: source, now: .noon + .days(1))
        #expect(again.series.named[cost("m")]?.counter == 6)
        #expect(try await ledger.completeHistory(of: source, now: .noon).isEmpty)
        #expect(try await bench.totals()[cost("m")]?.counter == 6)
    }
}
