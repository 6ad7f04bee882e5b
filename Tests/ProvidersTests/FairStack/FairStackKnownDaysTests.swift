import Testing
import UsageModel
import Upstream

@testable import Providers

/// `GET /v1/usage/daily`, and what is decided by it.
@Suite struct FairStackKnownDaysTests {
    /// The example answer of FairStack's documentation, word for word.
    static let example = """
        {
          "days": [
            { "date": "2026-03-01", "count": 45, "cost": { "micro": 320000, "display": "$0.32" } },
            { "date": "2026-03-02", "count": 38, "cost": { "micro": 280000, "display": "$0.28" } },
            { "date": "2026-03-03", "count": 52, "cost": { "micro": 410000, "display": "$0.41" } }
          ]
        }
        """

    private let day = UTCDay(daysSinceEpoch: 20_000)
    private let keys = [FairStackKey(id: "key_web", name: "web")]
    private let some = FairStackDayFigures(count: 2, micro: 9)

    private func due(read: Bool = true, settles: Bool = false) -> DueSlice {
        DueSlice(slice: SliceID(period: day.period), lastRead: read ? day.start : nil, settles: settles)
    }

    private func figures(_ json: String) throws -> [UTCDay: FairStackDayFigures] {
        FairStackDayFigures.byDay(try FairStackBody<FairStackDaily>.payload(of: answer(json)))
    }

    @Test func exampleOfTheDocumentationTellsCountAndCostOfEachDay() throws {
        let expected: [UTCDay: FairStackDayFigures] = [
            try #require(UTCDay("2026-03-01")): FairStackDayFigures(count: 45, micro: 320_000),
            try #require(UTCDay("2026-03-02")): FairStackDayFigures(count: 38, micro: 280_000),
            try #require(UTCDay("2026-03-03")): FairStackDayFigures(count: 52, micro: 410_000),
        ]
        #expect(try figures(Self.example) == expected)
        #expect(try figures("{\"request_id\":\"r\",\"data\":\(Self.example)}") == expected)
    }

    @Test func nullListIsNoUsageAndAMissingOneIsAFailure() throws {
        #expect(try figures("{\"days\":null}").isEmpty)
        let failure = #expect(throws: SourceFailure.self) {
            try figures("{\"error\":{\"code\":\"x\",\"message\":\"y\"}}")
        }
        #expect(failure?.reason == .decode)
        #expect(failure?.message.contains("days") == true)
    }

    @Test func missingFiguresAreNotTakenForNoUsage() throws {
        let day = try #require(UTCDay("2026-03-01"))
        let found = try figures("{\"days\":[{\"date\":\"2026-03-01T00:00:00Z\"},{\"date\":\"soon\",\"count\":1},{}]}")
        #expect(found == [day: FairStackDayFigures(count: nil, micro: nil)])
        let due = DueSlice(slice: SliceID(period: day.period), lastRead: nil, settles: false)
        #expect(FairStackKnownDays(stored: nil).step(for: due, figures: found[day]) == .read)
    }

    @Test func dayIsReadOnlyIfItsFiguresChanged() {
        var known = FairStackKnownDays(stored: nil)
        #expect(known.step(for: due(read: false), figures: nil) == .isEmpty)
        #expect(known.step(for: due(read: false), figures: FairStackDayFigures(count: 0, micro: 0)) == .isEmpty)
        #expect(known.step(for: due(read: false), figures: some) == .read)
        known.remember(due(), keys: [], figures: some)
        #expect(known.step(for: due(), figures: some) == .isUnchanged)
        #expect(known.step(for: due(), figures: FairStackDayFigures(count: 2, micro: 8)) == .read)
        #expect(known.step(for: due(), figures: nil) == .read)
        known.remember(due(), keys: [], figures: nil)
        #expect(known.step(for: due(), figures: some) == .read)
    }

    @Test func figuresOfTheTwoEndpointsAreComparedWhereBothHaveThem() throws {
        let usage = FairStackBreakdown(try FairStackBody<FairStackUsage>.payload(of: answer(FairStackDayTests.example)))
        #expect(FairStackDayFigures(count: 347, micro: 4_520_000).agrees(with: usage))
        #expect(FairStackDayFigures(count: nil, micro: 4_520_000).agrees(with: usage))
        #expect(!FairStackDayFigures(count: 348, micro: 4_520_000).agrees(with: usage))
        #expect(!FairStackDayFigures(count: 347, micro: 4_520_001).agrees(with: usage))
    }

    @Test func lastReadingOfADayIsAWholeOne() {
        var known = FairStackKnownDays(stored: nil)
        known.remember(due(), keys: keys, figures: some)
        #expect(known.step(for: due(settles: true), figures: some) == .read)
        known.remember(due(settles: true), keys: keys, figures: some)
        #expect(known == FairStackKnownDays(stored: nil))
    }

    @Test func dayKeepsTheKeysThatItWasFirstReadWithAcrossRestarts() throws {
        var known = FairStackKnownDays(stored: nil)
        #expect(known.keys(of: day, configured: keys) == keys)
        known.remember(due(), keys: [], figures: some)
        let restored = FairStackKnownDays(stored: try known.encoded())
        #expect(restored == known)
        #expect(restored.keys(of: day, configured: keys) == [])
        #expect(restored.keys(of: day.advanced(by: 1), configured: keys) == keys)
        #expect(FairStackKnownDays(stored: "{broken").keys(of: day, configured: keys) == keys)
    }

    @Test func settledDaysAreForgottenAndUnsettledOnesNot() {
        var known = FairStackKnownDays(stored: nil)
        known.remember(due(), keys: [], figures: some)
        let later = day.start + .days(30)
        known.forgetSettled(due: [due()], now: later)
        #expect(known.keys(of: day, configured: keys) == [])
        known.forgetSettled(due: [], now: later)
        #expect(known == FairStackKnownDays(stored: nil))
    }
}
