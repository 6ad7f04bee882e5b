import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests that usage that moves between the rest and the listed keys of a day counts once (fault 23).
@Suite struct VeniceMovedUsageTests {
    /// Reads one day repeatedly. Returns the values of its cells after each reading, by key.
    private func readings(
        _ days: [[String: Int]], of family: LedgerFamily = .keyCost
    ) async throws -> [[String: ExactDecimal]] {
        let day = try #require(UTCDay("2026-06-15"))
        let field = family == .keyCost ? "totalUsd" : "totalDiem"
        var context: KeptVisit?
        var found: [[String: ExactDecimal]] = []
        for (index, amounts) in days.enumerated() {
            let keys = amounts.filter { $0.key != "" }.map {
                "{\"apiKeyId\":\($0.key == "Other" ? "null" : "\"id-\($0.key)\""),\"description\":\"\($0.key)\","
                    + "\"\(field)\":\($0.value)}"
            }
            let total = amounts.values.reduce(0, +)
            let body =
                "{\"byKey\":[\(keys.joined(separator: ","))],\"byDate\":[{\"date\":\"\(day)\",\"USD\":\(total)}]}"
            let next = KeptVisit(now: day.start + .hours(index + 1), due: [SliceID(period: day.period)], after: context)
            try await VeniceAnalyticsSource(api: ScriptedVenice { _, _ in veniceAnswer(body) }).sync(next)
            let cells = next.committed.flatMap(\.cells).filter { $0.family == family }
            found.append(Dictionary(cells.map { ($0.labels[0], $0.value) }, uniquingKeysWith: +))
            context = next
        }
        return found
    }

    /// Returns the counters after all readings: the highest value of each cell.
    private func counters(_ readings: [[String: ExactDecimal]]) -> [String: ExactDecimal] {
        readings.reduce(into: [:]) { $0.merge($1) { max($0, $1) } }
    }

    private func expectSums(_ readings: [[String: ExactDecimal]], _ days: [[String: Int]]) {
        for (reading, amounts) in zip(readings, days) {
            #expect(reading.values.reduce(.zero, +) == ExactDecimal(amounts.values.reduce(0, +)))
        }
    }

    @Test(arguments: [LedgerFamily.keyCost, .keyCredits])
    func keyThatLeavesOtherCountsOnce(family: LedgerFamily) async throws {
        let days = [["a": 90, "Other": 30], ["a": 90, "Other": 5, "x": 45], ["a": 95, "Other": 6, "x": 60]]
        let readings = try await readings(days, of: family)
        expectSums(readings, days)
        #expect(readings[1] == ["a": ExactDecimal(90), "Other": ExactDecimal(30), "x": ExactDecimal(20)])
        // The counters sum to 140 after the second reading and to 161 after the third, like the provider's totals.
        #expect(counters(Array(readings.prefix(2))).values.reduce(.zero, +) == ExactDecimal(140))
        #expect(counters(readings).values.reduce(.zero, +) == ExactDecimal(161))
    }

    @Test func keysThatEnterAndLeaveTheListCountOnce() async throws {
        let days = [
            ["a": 90, "b": 2, "Other": 30],
            // x entered the list with 25 from Other; b left it.
            ["a": 90, "x": 45, "Other": 7],
            // b is back with 60, of which it used 8 while it was not listed.
            ["a": 90, "x": 45, "Other": 13], ["a": 90, "x": 45, "b": 60, "Other": 5],
            // x leaves the list, and enters it again.
            ["a": 90, "b": 60, "Other": 52], ["a": 91, "b": 60, "x": 48, "Other": 5],
        ]
        let readings = try await readings(days)
        expectSums(readings, days)
        #expect(counters(readings).values.reduce(.zero, +) == ExactDecimal(204))
    }

    /// An API that lists its top keys without `Other`: the rest is the day's total beyond them.
    @Test func unnamedRestIsHandledLikeOther() async throws {
        let days = [["a": 90, "": 30], ["a": 90, "": 5, "x": 45], ["a": 90, "": 50]]
        let readings = try await readings(days)
        expectSums(readings, days)
        #expect(readings[2] == ["a": ExactDecimal(90), "": ExactDecimal(30), "x": ExactDecimal(20)])
        #expect(counters(readings).values.reduce(.zero, +) == ExactDecimal(140))
    }

    @Test func usageThatTheProviderRevertsIsReverted() async throws {
        let days = [["a": 90, "Other": 30], ["a": 90, "Other": 10], ["a": 70, "Other": 10], ["Other": 10]]
        let readings = try await readings(days)
        expectSums(readings, days)
        #expect(readings[2] == ["a": ExactDecimal(70), "Other": ExactDecimal(10)])
    }

    /// Random lists: the day's sum is the provider's, and no sum of counters exceeds the highest of them.
    @Test func randomListsNeverExceedTheProvidersHighestTotal() async throws {
        let random = SeededRandom(17)
        for _ in 0..<40 {
            var usage = Dictionary(uniqueKeysWithValues: (0..<8).map { ("k\($0)", random.int(0...20)) })
            var days: [[String: Int]] = []
            for _ in 0..<12 {
                for key in usage.keys.sorted() where random.int(0...2) == 0 {
                    usage[key, default: 0] += random.int(0...30)
                }
                let ranked = usage.sorted { ($0.value, $0.key) > ($1.value, $1.key) }
                var day = Dictionary(uniqueKeysWithValues: ranked.prefix(4).map { ($0.key, $0.value) })
                day["Other"] = ranked.dropFirst(4).reduce(0) { $0 + $1.value }
                days.append(day)
            }
            let readings = try await readings(days)
            expectSums(readings, days)
            #expect(
                counters(readings).values.reduce(.zero, +) == ExactDecimal(usage.values.reduce(0, +)), "\(days)")
        }
    }
}
