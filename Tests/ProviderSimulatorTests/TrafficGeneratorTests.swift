import TestSupport
import Testing
import UsageModel

@testable import ProviderSimulator

@Suite("Generated traffic")
struct TrafficGeneratorTests {
    private let start: Timestamp

    init() throws {
        start = try at("2026-02-02")
    }

    private func generator(_ profile: TrafficProfile = .mediaTeam, seed: UInt64 = 1, account: String = "a")
        -> TrafficGenerator
    {
        TrafficGenerator(seed: seed, account: account, profile: profile, start: start)
    }

    private func week(_ generator: TrafficGenerator, from start: Timestamp) -> [UsageEvent] {
        (0..<168).flatMap { generator.events(inHourOf: start + .hours($0)) }
    }

    @Test("an hour's events depend only on seed, account and hour")
    func pure() {
        let hour = start + .hours(15)
        let events = generator().events(inHourOf: hour)
        #expect(!events.isEmpty)
        #expect(generator().events(inHourOf: hour + .minutes(59)) == events)
        let startedLater = TrafficGenerator(
            seed: 1, account: "a", profile: .mediaTeam, start: start + .hours(9))
        #expect(startedLater.events(inHourOf: hour) == events)
        #expect(generator(seed: 2).events(inHourOf: hour) != events)
        #expect(generator(account: "b").events(inHourOf: hour) != events)
        #expect(generator().events(inHourOf: hour + .hours(1)) != events)
    }

    @Test("the week of a seed is the same on every machine")
    func stableTotals() {
        let profile = TrafficProfile(
            requestsPerHour: 20,
            models: [
                .init(
                    "a", modality: "x", unitPrice: ExactDecimal(micros: 12_300), units: [1, 2, 5], share: 0.7,
                    demand: .climbing(to: 3, days: 9), failureRate: 0.1),
                .init("b", modality: "y", unitPrice: ExactDecimal(2), share: 0.3),
            ])
        var totals = UsageTotals()
        for event in week(generator(profile), from: start) { totals.add(event) }
        let figures = totals.overall
        #expect("\(figures.cost) \(figures.requests) \(figures.successes)" == "2170.4659 6113 5563")
    }

    @Test("events are within their hour, ordered, cost whole units, and failed ones cost nothing")
    func wellFormed() throws {
        let prices = Dictionary(uniqueKeysWithValues: TrafficProfile.mediaTeam.models.map { ($0.id, $0) })
        let hour = start + .hours(15)
        let events = generator().events(inHourOf: hour)
        #expect(events == events.sorted { $0.time < $1.time })
        for event in events {
            #expect(event.time.startOfHour == hour)
            #expect(event.visibleFrom >= event.time && event.visibleFrom < event.time + .hours(2))
            let model = try #require(prices[event.model])
            #expect(event.modality == model.modality)
            let allowed = model.units.map { model.unitPrice * $0 }
            #expect(event.succeeded ? allowed.contains(event.cost) : event.cost.isZero)
        }
    }

    @Test("nights and weekends have less traffic")
    func rhythm() {
        let events = week(generator(), from: start)
        func count(_ included: (UsageEvent) -> Bool) -> Int { events.count(where: included) }
        let hours = events.map { ($0.time - $0.time.day.start).inSeconds / 3600 }
        #expect(hours.count { $0 < 5 } * 4 < hours.count { $0 >= 12 && $0 < 17 })
        let sunday = count { $0.time.day.weekday == 6 }
        let wednesday = count { $0.time.day.weekday == 2 }
        #expect(sunday * 3 < wednesday * 2)
    }

    @Test("demand and failure rate climb, then start over")
    func trends() throws {
        let demand = TrafficProfile.Trend.climbing(to: 6, days: 10)
        let epoch = Timestamp(seconds: 0)
        #expect(demand.factor(at: epoch) == 1)
        #expect(demand.factor(at: epoch + .days(5)) == 3.5)
        #expect(demand.factor(at: epoch + .days(10)) == 1)
        #expect(demand.factor(at: epoch - .hours(1)) > 5.9)
        #expect(TrafficProfile.Trend.steady.factor(at: epoch + .days(5)) == 1)

        let profile = TrafficProfile(
            requestsPerHour: 400, dailyRhythm: Array(repeating: 1, count: 24),
            weeklyRhythm: Array(repeating: 1, count: 7),
            models: [
                .init("runaway", modality: "x", unitPrice: ExactDecimal(1), share: 1, demand: demand, failureRate: 0),
                .init(
                    "failing", modality: "x", unitPrice: ExactDecimal(1), share: 1, failureRate: 0.02,
                    failures: .climbing(to: 15, days: 10)),
            ])
        let cycle = epoch + .days(10 * 2000)
        func day(_ number: Int) -> UsageTotals {
            var totals = UsageTotals()
            for hour in 0..<24 {
                for event in generator(profile).events(inHourOf: cycle + .days(number) + .hours(hour)) {
                    totals.add(event)
                }
            }
            return totals
        }
        let (first, last) = (day(0), day(9))
        let runaway = try (#require(first.byModel["runaway"]), #require(last.byModel["runaway"]))
        #expect(runaway.1.requests > runaway.0.requests * 4)
        let failing = try (#require(first.byModel["failing"]), #require(last.byModel["failing"]))
        #expect(failing.1.failures > failing.0.failures * 5)
        #expect(failing.1.requests < failing.0.requests * 2)
    }

    @Test("a store shows generated events as the clock reaches them")
    func liveStore() throws {
        let clock = ManualClock(start + .hours(12))
        let store = UsageEventStore(clock: clock, traffic: generator())
        let all = Period(start: start, end: start + .days(40))
        let before = store.report(in: all).figures
        clock.move(to: clock.now + .minutes(10))
        let after = store.report(in: all).figures
        #expect(after.requests > before.requests)
        #expect(after == store.visibleTruth(in: all).overall)
        clock.move(to: start + .days(7) + .hours(3))
        let week = Period(start: start, end: start + .days(7))
        var expected = UsageTotals()
        for event in self.week(generator(), from: start) { expected.add(event) }
        #expect(store.truth(in: week) == expected)
        #expect(store.report(in: week).figures == expected.overall)
    }
}
