import Foundation
import TestSupport
import Testing
import UsageModel

@testable import Providers

@Suite struct BudgetTrackTests {
    private struct Ledger {
        var track: BudgetTrack?
        var slices: [SliceID: ExactDecimal] = [:]
        var now = CheapestInferenceBench.presence

        var total: ExactDecimal { slices.values.reduce(.zero, +) }

        mutating func read(
            _ spent: ExactDecimal, resetsAt: Timestamp? = nil, length: Duration? = nil,
            identity: BudgetTrack.Identity = BudgetTrack.Identity()
        ) throws {
            let track = BudgetTrack(
                after: track,
                BudgetTrack.Reading(
                    spent: spent, resetsAt: resetsAt, length: length, identity: identity, now: now))
            let slice = track.slice(scope: "k")
            // The ledger settles slices 72 h after their end, so none may be written after that.
            try #require(slice.period.end > now)
            slices[slice] = track.cost
            self.track = track
        }
    }

    private let five = ExactDecimal(5)

    @Test func spentOfOnePeriodIsOneSliceUntilItsReset() throws {
        var ledger = Ledger()
        let reset = ledger.now + .days(10)
        try ledger.read(1 * five, resetsAt: reset, length: .days(30))
        ledger.now = ledger.now + .days(1)
        try ledger.read(2 * five, resetsAt: reset + .milliseconds(300), length: .days(30))
        #expect(ledger.slices == [SliceID(scope: "k", period: Period(start: reset - .days(30), end: reset)): 2 * five])
    }

    @Test func resetThatMovesForwardStartsANewPeriodEvenIfSpentRose() throws {
        var ledger = Ledger()
        let reset = ledger.now + .hours(2)
        try ledger.read(five, resetsAt: reset, length: .hours(5))
        ledger.now = reset + .hours(1)
        try ledger.read(2 * five, resetsAt: reset + .hours(5), length: .hours(5))
        #expect(ledger.total == 3 * five)
        #expect(ledger.slices.count == 2)
    }

    @Test func extendedPeriodContinues() throws {
        var ledger = Ledger()
        try ledger.read(five, resetsAt: ledger.now + .days(3))
        ledger.now = ledger.now + .days(1)
        try ledger.read(2 * five, resetsAt: ledger.now + .days(30))
        ledger.now = ledger.now + .days(20)
        try ledger.read(3 * five, resetsAt: ledger.now + .days(10))
        #expect(ledger.total == 3 * five)
    }

    @Test func correctionWithinThePeriodStartsNoNewPeriod() throws {
        var ledger = Ledger()
        let reset = ledger.now + .days(3)
        try ledger.read(2 * five, resetsAt: reset)
        try ledger.read(five, resetsAt: reset)
        #expect(ledger.total == five)
    }

    @Test func withoutAResetAFallStartsANewPeriod() throws {
        var ledger = Ledger()
        for spent in [1, 3, 7, 2, 2, 4, 0, 1] {
            ledger.now = ledger.now + .hours(1)
            try ledger.read(ExactDecimal(spent))
        }
        #expect(ledger.total == ExactDecimal(7 + 4 + 1))
    }

    @Test func staleResetLosesNoSpending() throws {
        var ledger = Ledger()
        let stale = ledger.now - .days(400)
        for day in 1...200 {
            ledger.now = ledger.now + .days(1)
            try ledger.read(ExactDecimal(day), resetsAt: stale, length: .days(30))
        }
        #expect(ledger.total == ExactDecimal(200))
        #expect(ledger.slices.count <= 8)
    }

    @Test func lateResetIsDetected() throws {
        var ledger = Ledger()
        let reset = ledger.now + .hours(1)
        try ledger.read(five, resetsAt: reset, length: .hours(5))
        ledger.now = reset + .minutes(1)
        try ledger.read(2 * five, resetsAt: reset, length: .hours(5))
        ledger.now = reset + .minutes(6)
        try ledger.read(.zero, resetsAt: reset + .hours(5), length: .hours(5))
        ledger.now = reset + .hours(1)
        try ledger.read(five, resetsAt: reset + .hours(5), length: .hours(5))
        #expect(ledger.total == 3 * five)
    }

    @Test func sumOverManyPeriodsEqualsTheSpending() throws {
        let random = SeededRandom(11)
        for hasReset in [true, false] {
            var ledger = Ledger()
            var (total, spent, reset) = (ExactDecimal.zero, ExactDecimal.zero, ledger.now + .hours(5))
            for _ in 0..<2000 {
                ledger.now = ledger.now + .minutes(random.int(1...40))
                if ledger.now >= reset {
                    reset = reset + .hours(5)
                    spent = .zero
                    // Without `resets_at`, only a fall shows a new period, so it has to be visible.
                    if !hasReset { try ledger.read(spent) }
                }
                let more = ExactDecimal(micros: random.int(0...90_001))
                (spent, total) = (spent + more, total + more)
                try ledger.read(spent, resetsAt: hasReset ? reset : nil, length: hasReset ? .hours(5) : nil)
            }
            #expect(ledger.total == total)
        }
    }

    private func usd(_ text: String) throws -> ExactDecimal { try #require(ExactDecimal(text)) }

    @Test(arguments: [false, true]) func fallsOfACentAreCorrections(hasPassedReset: Bool) throws {
        var ledger = Ledger()
        let reset = hasPassedReset ? ledger.now - .hours(1) : nil
        for text in ["100.00", "99.99", "100.00", "99.99", "100.01", "100.00", "100.02"] {
            try ledger.read(usd(text), resetsAt: reset)
            ledger.now = ledger.now + .minutes(5)
        }
        #expect(ledger.total == (try usd("100.02")))
        #expect(ledger.slices.count == 1)
    }

    @Test func largeFallWithoutAResetStartsANewPeriodAtOnce() throws {
        var ledger = Ledger()
        try ledger.read(usd("9"))
        ledger.now = ledger.now + .minutes(5)
        try ledger.read(usd("0.3"))
        #expect(ledger.total == (try usd("9.3")))
    }

    @Test(arguments: [(["10", "8", "8.5", "9"], "19"), (["10", "8", "10.2", "10.5"], "10.5")])
    func mediumFallIsDecidedByTheNextReading(readings: [String], total: String) throws {
        var ledger = Ledger()
        for (index, text) in readings.enumerated() {
            try ledger.read(usd(text))
            // Until then nothing is reverted.
            if index == 1 { #expect(ledger.total == ExactDecimal(10)) }
            ledger.now = ledger.now + .minutes(5)
        }
        #expect(ledger.total == (try usd(total)))
    }

    @Test func anotherKeyWithTheSameNameStartsANewPeriod() throws {
        let reset = CheapestInferenceBench.presence + .days(10)
        let first = BudgetTrack.Identity(createdAt: CheapestInferenceBench.presence - .days(50), fingerprint: "a")
        let second = BudgetTrack.Identity(createdAt: CheapestInferenceBench.presence - .days(1), fingerprint: "b")
        let rotated = BudgetTrack.Identity(createdAt: first.createdAt, fingerprint: "b")
        func total(_ next: BudgetTrack.Identity, _ spent: String) throws -> ExactDecimal {
            var ledger = Ledger()
            try ledger.read(usd("9"), resetsAt: reset, identity: first)
            ledger.now = ledger.now + .minutes(5)
            try ledger.read(usd(spent), resetsAt: reset, identity: next)
            return ledger.total
        }
        #expect(try total(second, "4") == ExactDecimal(13))
        #expect(try total(second, "12") == ExactDecimal(21))
        // The same key with another secret continues; if `spent` fell, a new period starts.
        #expect(try total(rotated, "12") == ExactDecimal(12))
        #expect(try total(rotated, "4") == ExactDecimal(13))
        #expect(try total(BudgetTrack.Identity(fingerprint: "b"), "12") == ExactDecimal(21))
    }

    @Test func trackOfAnEarlierVersionContinues() throws {
        let stored = #"{"start":1,"end":99999999999999,"resetsAt":null,"spentText":"5","countedText":"0"}"#
        let track = try JSONDecoder().decode(BudgetTrack.self, from: Data(stored.utf8))
        let next = BudgetTrack(
            after: track,
            BudgetTrack.Reading(
                spent: ExactDecimal(6), resetsAt: nil, length: nil,
                identity: BudgetTrack.Identity(createdAt: Timestamp(seconds: 5), fingerprint: "a"),
                now: CheapestInferenceBench.presence))
        #expect(next.cost == ExactDecimal(6))
    }
}

private func * (count: Int, amount: ExactDecimal) -> ExactDecimal {
    amount * count
}
