import TestSupport
import Testing
import UsageModel

@testable import ProviderSimulator

@Suite("Visibility of simulated events")
struct UsageEventStoreTests {
    private let clock: ManualClock
    private let store: UsageEventStore
    private let day: Period

    init() throws {
        clock = ManualClock(try at("2026-02-14T12:00:00Z"))
        store = UsageEventStore(clock: clock)
        day = try at("2026-02-14").day.period
    }

    private func shown() -> String {
        let figures = store.report(in: day).figures
        return "\(figures.cost) \(figures.requests) \(figures.successes)"
    }

    @Test("an event after now is not shown before its time")
    func futureEvent() throws {
        store.add(try event("2026-02-14T12:00:01Z", cost: "3"))
        #expect(shown() == "0 0 0")
        #expect(store.truth(in: day).overall.requests == 0)
        clock.move(to: try at("2026-02-14T12:00:01Z"))
        #expect(shown() == "3 1 1")
        #expect(store.truth(in: day).overall.cost == ExactDecimal(3))
    }

    @Test("a late event counts as true immediately and is shown once published, under its own day")
    func lateEvent() throws {
        store.add(try event("2026-02-14T11:00:00Z", cost: "3", visibleFrom: "2026-02-15T01:00:00Z"))
        #expect(shown() == "0 0 0")
        #expect(store.truth(in: day).overall.cost == ExactDecimal(3))
        #expect(store.visibleTruth(in: day) == UsageTotals())
        clock.move(to: try at("2026-02-15T01:00:00Z"))
        #expect(shown() == "3 1 1")
        #expect(store.visibleTruth(in: day) == store.truth(in: day))
        #expect(store.report(in: try at("2026-02-15").day.period).days.isEmpty)
    }

    @Test("an event added after its time appears in the next report")
    func addedLater() throws {
        store.add(try event("2026-02-14T01:00:00Z", cost: "1"))
        #expect(shown() == "1 1 1")
        store.add(try event("2026-02-14T00:30:00Z", cost: "2", succeeded: false))
        #expect(shown() == "3 2 1")
    }

    @Test("a revised event costs the new amount, and the total spent follows")
    func revision() throws {
        let id = store.add(try event("2026-02-14T01:00:00Z", cost: "5"))
        store.add(try event("2026-02-14T02:00:00Z", cost: "1"))
        #expect(shown() == "6 2 2")
        #expect(store.revise(id, cost: try usd("3.5")))
        #expect(shown() == "4.5 2 2")
        #expect(store.shownCost == (try usd("4.5")))
        #expect(store.truth(in: day).overall.cost == (try usd("4.5")))
    }

    @Test("an event can be revised or removed before it is shown")
    func earlyChange() throws {
        let revised = store.add(try event("2026-02-14T13:00:00Z", cost: "5"))
        let removed = store.add(try event("2026-02-14T13:00:00Z", cost: "7"))
        #expect(store.revise(revised, cost: ExactDecimal(2)))
        #expect(store.remove(removed))
        #expect(shown() == "0 0 0")
        clock.move(to: try at("2026-02-14T14:00:00Z"))
        #expect(shown() == "2 1 1")
        #expect(store.shownCost == ExactDecimal(2))
    }

    @Test("removing an event removes it from all totals, and its day and model if it was their only event")
    func removal() throws {
        let id = store.add(try event("2026-02-14T01:00:00Z", cost: "5"))
        #expect(shown() == "5 1 1")
        #expect(store.remove(id))
        #expect(store.report(in: day).days.isEmpty)
        #expect(store.shownCost == .zero)
        #expect(store.truth(in: day) == UsageTotals())
        #expect(!store.remove(id))
        #expect(!store.revise(id, cost: ExactDecimal(1)))
    }

    @Test("a clock step back hides events that are then not published yet")
    func clockStepsBack() throws {
        store.add([try event("2026-02-14T10:00:00Z", cost: "1"), try event("2026-02-14T11:59:00Z", cost: "2")])
        #expect(shown() == "3 2 2")
        clock.move(to: try at("2026-02-14T11:00:00Z"))
        #expect(shown() == "1 1 1")
        #expect(store.shownCost == ExactDecimal(1))
        clock.move(to: try at("2026-02-14T12:00:00Z"))
        #expect(shown() == "3 2 2")
    }

    @Test("a model's list price and last use are those of its newest event, regardless of the order of arrival")
    func newestUse() throws {
        store.add(try event("2026-02-14T09:00:00Z", unitPrice: "0.5"))
        store.add(try event("2026-02-14T08:00:00Z", unitPrice: "0.4"))
        let usage = try #require(store.report(in: day).models["kwaivgi/kling-v2.0-i2v-master"])
        #expect(usage.unitPrice == (try usd("0.5")))
        #expect(usage.lastUsed == (try at("2026-02-14T09:00:00Z")))
    }

    @Test(
        "after any additions, revisions, removals and clock steps, the report equals a recount",
        arguments: 0..<20)
    func reportEqualsRecount(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let start = try at("2026-02-10")
        var ids: [UsageEventStore.EventID] = []
        for step in 0..<400 {
            switch random.below(10) {
            case 0: clock.move(to: start + .minutes(random.below(6 * 1440)))
            case 1 where !ids.isEmpty: store.revise(ids[random.below(ids.count)], cost: ExactDecimal(random.below(9)))
            case 2 where !ids.isEmpty: store.remove(ids[random.below(ids.count)])
            default:
                let time = start + .minutes(random.below(5 * 1440))
                ids.append(
                    store.add(
                        UsageEvent(
                            time: time, model: "m\(random.below(4))", unitPrice: .zero,
                            cost: ExactDecimal(micros: random.below(1_000_000)), succeeded: random.below(5) > 0,
                            visibleFrom: time + .minutes(random.below(600)))))
            }
            guard step % 20 == 0 else { continue }
            let from = start + .minutes(random.below(5 * 1440))
            let period = Period(start: from, end: from + .minutes(random.below(3 * 1440)))
            let report = store.report(in: period)
            let recount = store.visibleTruth(in: period)
            #expect(report.figures == recount.overall)
            #expect(report.models.mapValues(\.figures) == recount.byModel)
            let all = Period(start: start, end: start + .days(9))
            #expect(store.shownCost == store.visibleTruth(in: all).overall.cost)
        }
    }
}
