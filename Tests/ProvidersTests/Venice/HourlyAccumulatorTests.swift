import TestSupport
import Testing
import UsageModel

@testable import Providers

/// Tests of grouping the rows of one query by hour.
@Suite struct HourlyAccumulatorTests {
    private let request = row("2026-06-15T19:59:59.900Z", "m-llm-input-mtoken", prompt: "1000", completion: "5")
    private let cached = row(
        "2026-06-15T20:00:00.000Z", "m-llm-cache-input-mtoken", units: "0.0004", prompt: "1000", completion: "5")
    private let output = row("2026-06-15T20:00:00.100Z", "m-llm-output-mtoken", prompt: "1000", completion: "5")

    @Test func requestAcrossTwoHoursIsCountedOnce() throws {
        let early = try hour("2026-06-15T19:00:00Z")
        let late = try hour("2026-06-15T20:00:00Z")
        let rows = [request, cached, output].joined(separator: ",")
        let together = try veniceCells(rows, of: [early, late])
        let apart = [try veniceCells(rows, of: [early])[0], try veniceCells(rows, of: [late])[0]]
        #expect(together == apart)
        #expect(together[0].contains(Cell(.requests, ["", "m"], ExactDecimal(1))))
        #expect(!together[1].contains { $0.family == .requests })
        let all = together[0].union(together[1])
        func sum(_ type: String) -> ExactDecimal {
            all.filter { $0.family == .tokens && $0.labels[2] == type }.reduce(.zero) { $0 + $1.value }
        }
        #expect(sum("input") == ExactDecimal(600))
        #expect(sum("cache_input") == ExactDecimal(400))
        #expect(sum("output") == ExactDecimal(5))
        // Money stays in the hour of its row.
        #expect(together[0].contains(Cell(.cost, ["", "m"], ExactDecimal(1))))
        #expect(together[1].contains(Cell(.cost, ["", "m"], ExactDecimal(2))))
    }

    @Test func rowsOutsideTheQueryAreNotCounted() throws {
        let cells = try veniceCells(
            [
                row("2026-06-15T18:00:00Z", request: "x"), row("2026-06-15T19:58:00Z", request: "a"),
                row("2026-06-15T20:10:00Z", request: "b"), row("2026-06-15T20:30:00Z", request: "c"),
            ].joined(separator: ","), of: [hour("2026-06-15T20:00:00Z")], end: moment("2026-06-15T20:30:00Z"))
        #expect(cells[0].contains(Cell(.cost, ["", "m"], ExactDecimal(1))))
        #expect(cells[0].contains(Cell(.requests, ["", "m"], ExactDecimal(1))))
    }

    @Test func hoursTakenEarlyEqualHoursTakenAtTheEnd() throws {
        let hours = try (10...13).map { try hour("2026-06-15T\($0):00:00Z") }
        var json: [[String]] = []
        for minute in stride(from: 0, to: 240, by: 3) {
            let time = try moment("2026-06-15T10:00:00Z") + .minutes(minute) + .seconds(58 * 60 % 3600)
            json.append([
                row("\(time)", "m-llm-input-mtoken", amount: "-0.001", request: "r\(minute)", prompt: "7"),
                row(
                    "\(time + .seconds(150))", "m-llm-output-mtoken", amount: "-0.002", request: "r\(minute)",
                    prompt: "7"),
            ])
        }
        let ordered = try json.flatMap { $0 }.map { try veniceRows($0)[0] }
            .sorted { $0.timestamp.value < $1.timestamp.value }
        let end = try #require(hours.last).period.end
        var whole = HourlyAccumulator(of: hours, end: end)
        try whole.add(ordered)
        let atOnce = whole.take(endingBy: end).map { Set($0.cells) }
        var stepwise = HourlyAccumulator(of: hours, end: end)
        var steps: [Set<Cell>] = []
        for row in ordered {
            try stepwise.add([row])
            steps += stepwise.take(endingBy: row.timestamp.value).map { Set($0.cells) }
        }
        steps += stepwise.take(endingBy: end).map { Set($0.cells) }
        #expect(steps == atOnce)
        #expect(steps.count == 4)
    }

    @Test func rowOfATakenHourIsAFailure() throws {
        var tally = HourlyAccumulator(
            of: [try hour("2026-06-15T19:00:00Z"), try hour("2026-06-15T20:00:00Z")],
            end: try moment("2026-06-15T21:00:00Z"))
        try tally.add(veniceRows(row("2026-06-15T20:10:00Z")))
        #expect(tally.take(endingBy: try moment("2026-06-15T20:10:00Z")).count == 1)
        let late = try veniceRows(row("2026-06-15T19:10:00Z"))
        let failure = #expect(throws: SourceFailure.self) { try tally.add(late) }
        #expect(failure?.reason == .decode)
    }
}
