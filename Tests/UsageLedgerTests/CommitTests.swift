import Testing
import UsageLedger
import UsageModel

@Suite("Committing slices")
struct CommitTests {
    @Test("the cells of all slices add up to the series' total and daily totals")
    func addsUp() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "0.1"), spent("n", "3")], day: 0)
        let change = try await bench.commit([spent("m", "0.2")], day: 1)
        #expect(change.series.map(\.name) == [cost("m")])
        let totals = try await bench.totals()
        #expect(totals[cost("m")]?.sum == ExactDecimal("0.3"))
        #expect(totals[cost("m")]?.counter == ExactDecimal("0.3"))
        #expect(totals[cost("n")]?.sum == 3)
        #expect(try await bench.sums(1...1) == [cost("m"): ExactDecimal("0.2")])
        #expect(try await bench.sums(0...1) == [cost("m"): ExactDecimal("0.3"), cost("n"): 3])
    }

    @Test("a slice read twice counts once and changes nothing")
    func idempotent() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "5"), spent("m", "2")])
        let again = try await bench.commit([spent("m", "2"), spent("m", "5")])
        #expect(again.isEmpty)
        #expect(try await bench.totals()[cost("m")]?.sum == 7)
    }

    @Test("a slice that grew adds only the difference")
    func growth() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "5"), spent("n", "1")])
        let change = try await bench.commit([spent("m", "5.5"), spent("n", "1")])
        #expect(change.series.map(\.name) == [cost("m")])
        #expect(change.series.first?.sum == ExactDecimal("5.5"))
        #expect(try await bench.sums(0...0)[cost("m")] == ExactDecimal("5.5"))
    }

    @Test("a decrease keeps the counter and adds a correction on the day of the reading")
    func correction() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "420")])
        let change = try await bench.commit([spent("m", "419.5")], readAt: .noon + .days(2))
        let changed = change.series.named
        #expect(changed[cost("m")]?.sum == ExactDecimal("419.5"))
        #expect(changed[cost("m")]?.counter == 420)
        #expect(changed[corrections]?.counter == ExactDecimal("0.5"))
        #expect(try await bench.sums(2...2) == [corrections: ExactDecimal("0.5")])
        #expect(try await bench.sums(0...0) == [cost("m"): ExactDecimal("419.5")])

        try await bench.commit([spent("m", "421")], readAt: .noon + .days(2))
        let totals = try await bench.totals()
        #expect(totals[cost("m")]?.counter == 421)
        #expect(totals[corrections]?.counter == ExactDecimal("0.5"))
    }

    @Test("cost that moves between slices in one reading moves the daily totals without a correction")
    func moved() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "4")], day: 0)
        var reading = Reading()
        reading.slices = [
            SliceReading(.day(0), cells: [], readAt: .noon),
            SliceReading(.day(1), cells: [spent("m", "4")], readAt: .noon),
        ]
        let change = try await bench.ledger.commit(reading, to: bench.source.id, now: .noon)
        #expect(change.series.map(\.name) == [cost("m")])
        #expect(change.series.first?.sum == 4)
        #expect(try await bench.totals()[corrections]?.sum == 0)
        #expect(try await bench.sums(0...0) == [cost("m"): 0])
        #expect(try await bench.sums(1...1) == [cost("m"): 4])
    }

    @Test("corrections exist as zero from the first cost series on")
    func correctionsExist() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([Cell(.requests, ["key", "m"], 1)])
        #expect(try await bench.totals()[corrections] == nil)
        let change = try await bench.commit([Cell(.requests, ["key", "m"], 1), spent("m", "0")])
        #expect(Set(change.series.map(\.name)) == [cost("m"), corrections])
        #expect(try await bench.totals()[corrections]?.counter == 0)
    }

    @Test("only decreases of cost are corrections")
    func fallOfRequests() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([Cell(.requests, ["key", "m"], 10), spent("m", "1")])
        try await bench.commit([Cell(.requests, ["key", "m"], 8), spent("m", "1")])
        let totals = try await bench.totals()
        #expect(totals["genai_requests_total{key,m}"]?.counter == 10)
        #expect(totals["genai_requests_total{key,m}"]?.sum == 8)
        #expect(totals[corrections]?.sum == 0)
    }

    @Test("reconciliation is a gauge, which may decrease below zero")
    func reconciles() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([Cell(.reconciliation, [], 2)])
        let change = try await bench.commit([Cell(.reconciliation, [], -1)])
        #expect(change.series.first?.sum == -1)
        #expect(change.series.first?.counter == -1)
        #expect(try await bench.totals()[reconciliation]?.counter == -1)
    }

    @Test("a sum below zero leaves the counter at zero")
    func negative() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([Cell(.refunds, [], -3)])
        let total = try #require(try await bench.totals()["genai_refunds_usd_total{}"])
        #expect(total.sum == -3)
        #expect(total.counter == 0)
    }

    @Test("the increase of a running total is added to the day of the reading")
    func attributedToReading() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "10")], readAt: .noon + .days(3), attribution: .reading)
        try await bench.commit([spent("m", "12")], readAt: .noon + .days(4), attribution: .reading)
        #expect(try await bench.sums(0...2).isEmpty)
        #expect(try await bench.sums(3...3) == [cost("m"): 10])
        #expect(try await bench.sums(4...4) == [cost("m"): 2])
    }

    @Test("slices of one period in two scopes are separate")
    func scopes() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "1")], scope: "key-1")
        try await bench.commit([spent("m", "2")], scope: "key-2")
        #expect(try await bench.totals()[cost("m")]?.sum == 3)
        let cells = try await bench.ledger.cells(of: bench.source.id, slice: .day(0, scope: "key-2"))
        #expect(cells == [spent("m", "2")])
        #expect(try await bench.ledger.cells(of: bench.source.id, slice: .day(0)).isEmpty)
    }

    @Test("a slice read after its last offset keeps its cells, and a later reading counts the difference once")
    func neverFinal() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "1")], day: 0)
        let late = Timestamp.start + .days(4)
        let change = try await bench.commit([spent("m", "1.5")], day: 0, readAt: late)
        #expect(change.series.first?.sum == ExactDecimal("1.5"))
        #expect(try await bench.ledger.cells(of: bench.source.id, slice: .day(0)) == [spent("m", "1.5")])
        #expect(
            try await bench.ledger.states(of: bench.source.id)
                == [SliceState(slice: .day(0), lastRead: late, isFolded: false)])
        try await bench.commit([spent("m", "9")], day: 0, readAt: late + .days(20))
        try await bench.commit([spent("m", "9")], day: 0, readAt: late + .days(21))
        #expect(try await bench.totals()[cost("m")]?.sum == 9)
        #expect(try await bench.sums(0...0) == [cost("m"): 9])
    }

    @Test("a reading with cells of corrections is rejected as a whole")
    func reserved() async throws {
        let bench = try await LedgerBench()
        var reading = Reading()
        reading.slices = [
            SliceReading(.day(0), cells: [spent("m", "1")], readAt: .noon),
            SliceReading(.day(1), cells: [Cell(.corrections, [], 1)], readAt: .noon),
        ]
        reading.memory = ["cursor": "a"]
        await #expect(throws: LedgerError.reservedFamily(.corrections)) {
            try await bench.ledger.commit(reading, to: bench.source.id, now: .noon)
        }
        #expect(try await bench.totals().isEmpty)
        #expect(try await bench.ledger.states(of: bench.source.id).isEmpty)
        #expect(try await bench.ledger.memory(of: bench.source.id, name: "cursor") == nil)
    }

    @Test(
        "amounts round-trip exactly",
        arguments: ["0.00000000000000000001", "4.52", "-0.1", "1234567890123456.789", "1700000000000000000", "0"])
    func exact(_ text: String) async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", text)])
        #expect(try await bench.totals()[cost("m")]?.sum.description == text)
        #expect(try await bench.ledger.cells(of: bench.source.id, slice: .day(0)) == [spent("m", text)])
    }

    @Test("too large amounts saturate and can be read again")
    func absurd() async throws {
        let bench = try await LedgerBench()
        let huge = spent("m", "1700000000000000000")
        try await bench.commit([huge, huge], day: 0)
        try await bench.commit([huge, huge], day: 1)
        let total = try #require(try await bench.totals()[cost("m")])
        #expect(total.counter.description == "1700000000000000000")
        #expect(try await bench.sums(0...1)[cost("m")] != nil)
    }

    @Test("label values keep their bytes, except U+001F and NUL")
    func labels() async throws {
        let bench = try await LedgerBench()
        let composed = "caf\u{E9}"
        let decomposed = "cafe\u{301}"
        let change = try await bench.commit([
            Cell(.cost, ["", composed], 1), Cell(.cost, ["", decomposed], 2), Cell(.cost, ["a\u{1F}b", "c\u{0}d"], 4),
            Cell(.cost, ["line\r\nbreak", ""], 8),
        ])
        let stored = try await bench.ledger.series(of: bench.account.id).filter { $0.family == .cost }
        #expect(
            stored.map { $0.labels.map { Array($0.utf8) } } == [
                [[], Array(composed.utf8)], [[], Array(decomposed.utf8)],
                [Array("a\u{FFFD}b".utf8), Array("c\u{FFFD}d".utf8)], [Array("line\r\nbreak".utf8), []],
            ])
        #expect(stored.map(\.sum) == [1, 2, 4, 8])
        #expect(change.series.count == 5)
    }

    @Test("a later series has the time of its first appearance and its source's start")
    func born() async throws {
        let bench = try await LedgerBench()
        let change = try await bench.commit([spent("m", "1")], day: 1)
        #expect(change.series.map(\.bornAt) == [.noon + .days(1), .noon + .days(1)])
        try await bench.commit([spent("m", "2")], day: 2)
        let total = try await bench.totals()[cost("m")]
        #expect(total?.bornAt == .noon + .days(1))
        #expect(total?.startedAt == .start)
    }
}
