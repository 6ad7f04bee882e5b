import GRDB
import Testing
import UsageModel

@testable import UsageLedger

@Suite struct QuotaBookTests {
    private let quota = Quota(limit: 3, per: .hours(3))

    @Test("requests survive a restart, and each source has its own quota") func survivesRestart() async throws {
        let bench = try await LedgerBench()
        let other = try await bench.secondSource()
        for step in 0..<3 {
            let decision = try await bench.ledger.spend(quota, of: bench.source.id, now: .noon + .hours(step))
            #expect(decision == .granted)
        }
        try await bench.ledger.close()
        let ledger = try await bench.folder.open()
        let last = Timestamp.noon + .hours(2)
        #expect(try await ledger.spend(quota, of: bench.source.id, now: last) == .refused(until: last + .hours(1)))
        #expect(try await ledger.spend(quota, of: other.id, now: last) == .granted)
        #expect(try await ledger.spend(quota, of: bench.source.id, now: last + .hours(1)) == .granted)
        // Expired requests are deleted.
        #expect(try await ledger.quotaBook(of: bench.source.id, now: last + .hours(1)).count == 3)
        try await ledger.close()
    }

    @Test("a refused request is not recorded") func refused() async throws {
        let bench = try await LedgerBench()
        for _ in 0..<9 { _ = try await bench.ledger.spend(quota, of: bench.source.id, now: .noon) }
        #expect(try await bench.ledger.quotaBook(of: bench.source.id, now: .noon).count == 2)
        try await bench.ledger.close()
    }

    @Test("requests dated by a clock that was ahead block for one span at most") func clockAhead() async throws {
        let bench = try await LedgerBench()
        for step in 0..<3 {
            _ = try await bench.ledger.spend(quota, of: bench.source.id, now: .noon + .days(365) + .hours(step))
        }
        #expect(try await bench.ledger.spend(quota, of: bench.source.id, now: .noon) != .granted)
        let later = Timestamp.noon + .hours(3)
        #expect(try await bench.ledger.spend(quota, of: bench.source.id, now: later) == .granted)
        try await bench.ledger.close()
    }

    @Test("a request counts for its whole span, even if the clock was set back meanwhile")
    func clockSetBackForAWhile() async throws {
        let bench = try await LedgerBench()
        for minute in [0, 61] {
            _ = try await bench.ledger.spend(quota, of: bench.source.id, now: .noon + .minutes(minute))
        }
        let setBack = Timestamp.noon - .days(2)
        #expect(try await bench.ledger.spend(quota, of: bench.source.id, now: setBack) != .granted)
        let right = Timestamp.noon + .minutes(90)
        #expect(
            try await bench.ledger.quotaBook(of: bench.source.id, now: right) == [.noon, .noon + .minutes(61)])
        #expect(try await bench.ledger.spend(quota, of: bench.source.id, now: right) != .granted)
        try await bench.ledger.close()
    }

    @Test("a request is not forgotten when the clock is set back twice")
    func clockSetBackTwice() async throws {
        let bench = try await LedgerBench()
        for minute in [0, 61] {
            _ = try await bench.ledger.spend(quota, of: bench.source.id, now: .noon + .minutes(minute))
        }
        for now in [Timestamp.noon - .days(2), .noon + .minutes(90), .noon + .minutes(30)] {
            _ = try await bench.ledger.spend(quota, of: bench.source.id, now: now)
        }
        let book = try await bench.ledger.quotaBook(of: bench.source.id, now: .noon + .minutes(31))
        #expect(book.filter { $0 >= .noon }.count >= 2)
        try await bench.ledger.close()
    }
}
