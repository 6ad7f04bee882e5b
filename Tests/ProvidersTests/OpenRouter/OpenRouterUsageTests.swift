import TestSupport
import Testing
import UsageModel

@testable import Providers

/// Usage that moves between labels counts once.
@Suite struct OpenRouterUsageTests {
    private func usage(_ cells: [(key: String, model: String, cost: Int)]) -> OpenRouterUsage {
        OpenRouterUsage(cells.map { Cell(.cost, [$0.key, $0.model], ExactDecimal($0.cost)) })
    }

    private func costs(_ usage: OpenRouterUsage) -> [[String]: ExactDecimal] {
        Dictionary(usage.cells.filter { $0.family == .cost }.map { ($0.labels, $0.value) }) { $0 + $1 }
    }

    @Test("a series that is no longer listed keeps what it had, from a series of its model or key that gained")
    func keptLabels() {
        var moved = usage([("new", "m", 7), ("other", "n", 5)])
        moved.keepLabels(of: usage([("old", "m", 4), ("other", "n", 5)]))
        #expect(
            costs(moved) == [
                ["old", "m"]: ExactDecimal(4), ["new", "m"]: ExactDecimal(3), ["other", "n"]: ExactDecimal(5),
            ])
        var slug = usage([("k", "m-2026", 4)])
        slug.keepLabels(of: usage([("k", "", 4)]))
        #expect(costs(slug) == [["k", ""]: ExactDecimal(4)])
    }

    @Test("usage of an unrelated series is not moved, and a reduction stays one")
    func unrelated() {
        var now = usage([("x", "n", 9)])
        now.keepLabels(of: usage([("old", "m", 4)]))
        #expect(costs(now) == [["x", "n"]: ExactDecimal(9)])
        var less = usage([("k", "m", 3)])
        less.keepLabels(of: usage([("k", "m", 5)]))
        #expect(costs(less) == [["k", "m"]: ExactDecimal(3)])
    }

    @Test("what the remainder had stays without labels, also if a part of it is listed later")
    func remainder() {
        var now = usage([("k", "m", 6), ("", "", 1)])
        now.keepLabels(of: usage([("k", "m", 4), ("", "", 2)]))
        #expect(costs(now) == [["k", "m"]: ExactDecimal(5), ["", ""]: ExactDecimal(2)])
    }

    @Test("the cells of usage are read back as the same usage")
    func roundTrip() {
        var usage = OpenRouterUsage()
        let figures = OpenRouterFigures(
            cost: ExactDecimal(2), ownKeyCost: ExactDecimal(3), requests: 4, prompt: 50, cached: 20, completion: 6)
        usage.add(figures, to: .init(key: "k", model: "m"))
        usage.add(figures, to: .init(key: "k", model: "n"))
        #expect(OpenRouterUsage(usage.cells) == usage)
        #expect(usage.cells.contains(Cell(.keyCost, ["k"], ExactDecimal(4))))
    }
}
