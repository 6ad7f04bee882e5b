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
        moved.keepLabels(of: usage([("old", "m", 4), ("other", "n", 5)]), hasTotal: true)
        #expect(
            costs(moved) == [
                ["old", "m"]: ExactDecimal(4), ["new", "m"]: ExactDecimal(3), ["other", "n"]: ExactDecimal(5),
            ])
        var slug = usage([("k", "m-2026", 4)])
        slug.keepLabels(of: usage([("k", "", 4)]), hasTotal: true)
        #expect(costs(slug) == [["k", ""]: ExactDecimal(4)])
    }

    @Test("usage of an unrelated series is not moved, and a reduction stays one")
    func unrelated() {
        var now = usage([("x", "n", 9)])
        now.keepLabels(of: usage([("old", "m", 4)]), hasTotal: true)
        #expect(costs(now) == [["x", "n"]: ExactDecimal(9)])
        var less = usage([("k", "m", 3)])
        less.keepLabels(of: usage([("k", "m", 5)]), hasTotal: true)
        #expect(costs(less) == [["k", "m"]: ExactDecimal(3)])
    }

    @Test("what the remainder had stays without labels, also if a part of it is listed later")
    func remainder() {
        var now = usage([("k", "m", 6), ("", "", 1)])
        now.keepLabels(of: usage([("k", "m", 4), ("", "", 2)]), hasTotal: true)
        #expect(costs(now) == [["k", "m"]: ExactDecimal(5), ["", ""]: ExactDecimal(2)])
    }

    @Test("what a series lost comes back from the remainder of the total, after the series that took its label")
    func hiddenRows() {
        var hidden = usage([("", "", 5), ("k", "n", 2)])
        hidden.keepLabels(of: usage([("web", "m", 5), ("k", "n", 1)]), hasTotal: true)
        #expect(costs(hidden) == [["web", "m"]: ExactDecimal(5), ["k", "n"]: ExactDecimal(2)])
        var renamed = usage([("new", "m", 4), ("", "", 3)])
        renamed.keepLabels(of: usage([("old", "m", 4), ("", "", 1)]), hasTotal: true)
        #expect(costs(renamed) == [["old", "m"]: ExactDecimal(4), ["", ""]: ExactDecimal(3)])
        // One of two keys of one name is gone.
        var twin = usage([("twin", "m", 4), ("", "", 3)])
        twin.keepLabels(of: usage([("twin", "m", 7)]), hasTotal: true)
        #expect(costs(twin) == [["twin", "m"]: ExactDecimal(7)])
        // The total fell too.
        var fallen = usage([("", "", 2), ("k", "n", 1)])
        fallen.keepLabels(of: usage([("web", "m", 5), ("k", "n", 1)]), hasTotal: true)
        #expect(costs(fallen) == [["web", "m"]: ExactDecimal(2), ["k", "n"]: ExactDecimal(1)])
    }

    @Test("without a total, a series that is no longer listed keeps what it had, and a listed one may fall")
    func withoutTotal() {
        var now = usage([("k", "n", 1), ("new", "m", 2)])
        now.keepLabels(of: usage([("web", "m", 5), ("k", "n", 4), ("", "", 3)]), hasTotal: false)
        #expect(
            costs(now) == [["web", "m"]: ExactDecimal(5), ["k", "n"]: ExactDecimal(1), ["", ""]: ExactDecimal(3)])
    }

    @Test("tokens that were counted as cached stay so, and those that were counted as input too")
    func cachedTokens() {
        func tokens(_ key: String, prompt: Int, cached: Int?) -> OpenRouterUsage {
            var usage = OpenRouterUsage()
            let figures = OpenRouterFigures(
                cost: nil, ownKeyCost: nil, requests: nil, prompt: prompt, cached: cached, completion: nil)
            usage.add(figures, to: .init(key: key, model: "m"))
            return usage
        }
        var unsplit = tokens("k", prompt: 1000, cached: nil)
        unsplit.keepLabels(of: tokens("k", prompt: 1000, cached: 400), hasTotal: true)
        #expect(unsplit == tokens("k", prompt: 1000, cached: 400))
        var grown = tokens("k", prompt: 1500, cached: nil)
        grown.keepLabels(of: tokens("k", prompt: 1000, cached: 400), hasTotal: true)
        #expect(grown == tokens("k", prompt: 1500, cached: 400))
        var split = tokens("k", prompt: 1500, cached: 700)
        split.keepLabels(of: tokens("k", prompt: 1500, cached: 400), hasTotal: true)
        #expect(split == tokens("k", prompt: 1500, cached: 400))
        // The key was deleted in between.
        var deleted = tokens("", prompt: 1000, cached: nil)
        deleted.keepLabels(of: tokens("k", prompt: 1000, cached: 400), hasTotal: true)
        #expect(deleted == tokens("k", prompt: 1000, cached: 400))
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
