import Testing
import UsageLedger
import UsageModel

@Suite("Gauges, memory, status and sums of sources")
struct SourceStoreTests {
    private func commit(
        _ bench: LedgerBench, gauges: [GaugeFamily: [GaugeSample]] = [:], memory: [String: String?] = [:]
    ) async throws -> LedgerChange {
        var reading = Reading()
        reading.gauges = gauges
        reading.memory = memory
        return try await bench.ledger.commit(reading, to: bench.source.id, now: .noon)
    }

    @Test("gauges are replaced by family, and reported if they changed")
    func gauges() async throws {
        let bench = try await LedgerBench()
        let limits = [GaugeSample(["key", "m"], 60), GaugeSample(["key", "n"], 0.1 + 0.2)]
        _ = try await commit(
            bench, gauges: [.balanceUSD: [GaugeSample([], 50.25)], .rateLimitRequestsPerMinute: limits])
        let change = try await commit(
            bench, gauges: [.balanceUSD: [GaugeSample([], 49)], .rateLimitRequestsPerMinute: limits])
        #expect(change.gauges == [.balanceUSD: [GaugeSample([], 49)]])
        #expect(
            try await bench.ledger.gauges(of: bench.source.id)
                == [.balanceUSD: [GaugeSample([], 49)], .rateLimitRequestsPerMinute: limits])

        let gone = try await commit(bench, gauges: [.rateLimitRequestsPerMinute: []])
        #expect(gone.gauges == [.rateLimitRequestsPerMinute: []])
        #expect(
            try await bench.ledger.gauges(of: bench.source.id).keys.sorted { $0.name < $1.name } == [.balanceUSD])
    }

    @Test("NaN and infinite gauges are omitted")
    func notFinite() async throws {
        let bench = try await LedgerBench()
        let samples = [GaugeSample(["a"], .nan), GaugeSample(["b"], .infinity), GaugeSample(["c"], 1)]
        #expect(try await commit(bench, gauges: [.keyActive: samples]).gauges == [.keyActive: [GaugeSample(["c"], 1)]])
    }

    @Test("a source's memory is stored until it is deleted")
    func memory() async throws {
        let bench = try await LedgerBench()
        _ = try await commit(bench, memory: ["cursor": "abc", "endpoint": "usage-history"])
        _ = try await commit(bench, memory: ["cursor": "def"])
        #expect(try await bench.ledger.memory(of: bench.source.id, name: "cursor") == "def")
        #expect(try await bench.ledger.memory(of: bench.source.id, name: "endpoint") == "usage-history")
        _ = try await commit(bench, memory: ["cursor": nil as String?])
        #expect(try await bench.ledger.memory(of: bench.source.id, name: "cursor") == nil)
    }

    @Test("a source's status and the exporter's own counters survive a restart")
    func status() async throws {
        let bench = try await LedgerBench()
        try await bench.ledger.saveStatus(#"{"syncs":3}"#, of: bench.source.id)
        try await bench.ledger.saveExporterCounters(["storage_errors": 2, "overflowed": 1])
        try await bench.ledger.saveExporterCounters(["storage_errors": 5])
        try await bench.ledger.close()
        let ledger = try await bench.folder.open()
        let source = try await ledger.registerSource("usage", of: bench.account.id)
        #expect(source.status == #"{"syncs":3}"#)
        #expect(try await ledger.exporterCounters() == ["storage_errors": 5, "overflowed": 1])
        try await ledger.close()
    }

    @Test("the same name with two providers is two accounts")
    func accounts() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "1")])
        let other = try await bench.ledger.registerAccount(
            "media", provider: "venice", proposedStart: .noon, now: .noon)
        #expect(other.id != bench.account.id)
        #expect(other.ledgerStart == .noon)
        #expect(try await bench.ledger.series(of: other.id).isEmpty)
    }

    @Test("a source has its account's start, which moves until a source has completed its history")
    func sourceStart() async throws {
        let bench = try await LedgerBench(historyComplete: false)
        try await bench.commit([spent("m", "1")], day: 0)
        try await bench.commit([spent("m", "2")], day: 12)
        let ledger = bench.ledger
        func move(_ days: Int, tolerance: Duration = .days(1)) async throws -> Timestamp {
            try await ledger.moveStart(of: bench.account.id, to: .start + .days(days), tolerance: tolerance).ledgerStart
        }
        #expect(try await move(1) == .start)
        #expect(try await move(10) == .start + .days(10))
        let source = try await ledger.registerSource("usage", of: bench.account.id)
        #expect(source.ledgerStart == .start + .days(10))
        #expect(try await ledger.states(of: source.id).map(\.slice) == [.day(12)])
        let change = try await ledger.completeHistory(of: source.id, now: .noon + .days(12))
        #expect(change.series.named[cost("m")]?.sum == 2)
        #expect(try await move(3, tolerance: .zero) == .start + .days(10))
    }

    @Test("window sums are computed for each span, only for the requested series")
    func windows() async throws {
        let bench = try await LedgerBench()
        for day in 0..<6 { try await bench.commit([spent("m", "\(day + 1)"), spent("n", "1")], day: day) }
        let totals = try await bench.totals()
        let m = try #require(totals[cost("m")]).id
        let day = UTCDay.first
        let spans = [
            day.advanced(by: 5)...day.advanced(by: 5), day...day.advanced(by: 2),
            day.advanced(by: 1)...day.advanced(by: 3), day.advanced(by: 40)...day.advanced(by: 41),
        ]
        let sums = try await bench.ledger.windowSums(of: bench.account.id, series: [m], spans: spans)
        #expect(sums == [m: [6, 6, 9, 0]])
        let other = try await bench.ledger.registerAccount("b", provider: "venice", proposedStart: .start, now: .noon)
        #expect(try await bench.ledger.windowSums(of: other.id, series: [m], spans: spans).isEmpty)
        #expect(try await bench.ledger.windowSums(of: other.id, series: nil, spans: spans).isEmpty)
    }

    @Test("day totals list a family's days in order")
    func dayTotals() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "2"), Cell(.requests, ["key", "m"], 9)], day: 1)
        try await bench.commit([spent("n", "1"), spent("m", "3")], day: 0)
        let days = UTCDay.first...UTCDay.first.advanced(by: 1)
        let totals = try await bench.ledger.dayTotals(of: bench.account.id, family: .cost, days: days)
        #expect(totals.map(\.day.daysSinceEpoch) == [20_000, 20_000, 20_001])
        #expect(totals.map(\.labels) == [["key", "m"], ["key", "n"], ["key", "m"]])
        #expect(totals.map(\.value) == [3, 1, 2])
    }
}
