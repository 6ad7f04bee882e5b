import Testing
import UsageLedger
import UsageModel

/// SplitMix64: returns the same numbers for a seed, so that failures are reproducible.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func cells() -> [Cell] {
        (0..<Int.random(in: 0...6, using: &self)).map { _ in
            let labels = ["key-\(Int.random(in: 0...1, using: &self))", "m-\(Int.random(in: 0...3, using: &self))"]
            let amount = ExactDecimal("\(Int.random(in: 0...999, using: &self))e-3") ?? .zero
            return Cell([LedgerFamily.cost, .requests].randomElement(using: &self) ?? .cost, labels, amount)
        }
    }
}

@Suite("Properties of the ledger")
struct LedgerPropertyTests {
    /// The expected content of the ledger, computed from all slices.
    private struct Recount {
        var slices: [Int: [Cell]] = [:]
        var sums: [String: ExactDecimal] = [:]
        var counters: [String: ExactDecimal] = [:]
        var corrections = ExactDecimal.zero

        static func sum(_ cells: some Sequence<Cell>) -> [String: ExactDecimal] {
            cells.reduce(into: [:]) { $0[$1.name, default: .zero] += $1.value }
        }

        mutating func commit(_ cells: [Cell], day: Int) {
            slices[day] = cells
            let new = Self.sum(slices.values.joined())
            for name in Set(new.keys).union(sums.keys) {
                let value = new[name] ?? .zero
                let fall = (sums[name] ?? .zero) - value
                if name.hasPrefix("genai_cost"), !fall.isNegative { corrections += fall }
                sums[name] = value
                counters[name] = max(counters[name] ?? .zero, value)
            }
        }
    }

    @Test("after random readings and restarts, the ledger equals a recount", arguments: UInt64(1)...12)
    func recount(_ seed: UInt64) async throws {
        var random = SeededGenerator(state: seed)
        let folder = LedgerFolder()
        var ledger = try await folder.open()
        let account = try await ledger.registerAccount("a", provider: "p", proposedStart: .start, now: .noon)
        let source = try await ledger.registerSource("s", of: account.id)
        var recount = Recount()
        var served: [String: SeriesTotal] = [:]
        _ = try await ledger.completeHistory(of: source.id, now: .noon)

        for _ in 0..<40 {
            let day = Int.random(in: 0...4, using: &random)
            let cells = Bool.random(using: &random) ? random.cells() : recount.slices[day] ?? []
            var reading = Reading()
            reading.slices = [SliceReading(.day(day), cells: cells, readAt: .noon)]
            recount.commit(cells, day: day)
            let change = try await ledger.commit(reading, to: source.id, now: .noon)
            for total in change.series {
                #expect(total != served[total.name], "an unchanged series is not reported")
                #expect(total.counter >= served[total.name]?.counter ?? .zero, "counters never fall")
                served[total.name] = total
            }
            if Int.random(in: 0..<8, using: &random) == 0 {
                try await ledger.close()
                ledger = try await folder.open()
            }
            let totals = try await ledger.series(of: account.id).named
            #expect(totals == served, "the changes reported lead to what is stored")
            #expect(totals[corrections]?.sum ?? .zero == recount.corrections)
            let counted = totals.filter { $0.key != corrections }
            #expect(counted.mapValues(\.sum) == recount.sums)
            #expect(counted.mapValues(\.counter) == recount.counters)
        }

        let all = try await ledger.series(of: account.id)
        for size in [1, 3, all.count, all.count + 1] {
            let (batches, sink) = AsyncStream<[SeriesTotal]>.makeStream()
            try await ledger.readSeries(of: account.id, portion: size) { sink.yield($0) }
            sink.finish()
            let read = await batches.reduce(into: [[SeriesTotal]]()) { $0.append($1) }
            #expect(read.flatMap { $0 } == all)
            #expect(read.map(\.count) == stride(from: 0, to: all.count, by: size).map { min(size, all.count - $0) })
        }

        let days = (0...4).map { UTCDay.first.advanced(by: $0) }
        let sums = try await ledger.windowSums(
            of: account.id, series: nil, spans: days.map { $0...$0 } + [days[1]...days[3]])
        for total in served.values where total.name != corrections {
            let windows = sums[total.id] ?? Array(repeating: .zero, count: 6)
            for day in 0...4 {
                #expect(windows[day] == Recount.sum(recount.slices[day] ?? [])[total.name] ?? .zero)
            }
            #expect(windows[5] == windows[1] + windows[2] + windows[3])
            #expect(windows[..<5].reduce(.zero, +) == total.sum)
        }
        try await ledger.close()
    }

    @Test("history read in any order, twice, or after a restart results in the same ledger", arguments: UInt64(1)...8)
    func anyOrder(_ seed: UInt64) async throws {
        var random = SeededGenerator(state: seed)
        let slices = (0..<12).map { (day: $0, cells: random.cells()) }
        var results: [[String: ExactDecimal]] = []
        for attempt in 0..<3 {
            let folder = LedgerFolder()
            var ledger = try await folder.open()
            let account = try await ledger.registerAccount("a", provider: "p", proposedStart: .start, now: .noon)
            let source = try await ledger.registerSource("s", of: account.id)
            // Early days settle, late ones do not; half of the history is committed while staged, the rest after it.
            let now = Timestamp.start + .days(10)
            let order = (slices + slices.shuffled(using: &random).prefix(attempt * 4)).shuffled(using: &random)
            for (index, slice) in order.enumerated() {
                if index == order.count / 2 { _ = try await ledger.completeHistory(of: source.id, now: now) }
                var reading = Reading()
                reading.slices = [SliceReading(.day(slice.day), cells: slice.cells, readAt: now)]
                _ = try await ledger.commit(reading, to: source.id, now: now)
                if attempt == 2, index % 5 == 0 {
                    try await ledger.close()
                    ledger = try await folder.open()
                }
            }
            results.append(try await ledger.series(of: account.id).named.mapValues(\.counter))
            try await ledger.close()
        }
        let expected = Recount.sum(slices.flatMap(\.cells))
        for result in results {
            #expect(result.filter { $0.key != corrections } == expected)
            #expect(result[corrections] ?? .zero == .zero)
        }
    }
}

extension Cell {
    fileprivate var name: String { family.name + "{" + labels.joined(separator: ",") + "}" }
}
