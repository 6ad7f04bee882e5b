import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of `GET /v1/usage/daily` and of the decisions that depend on it.
@Suite struct FairStackDayMemoryTests {
    /// The example response in FairStack's documentation, verbatim.
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

    @Test func documentedExampleYieldsCountAndCostOfEachDay() throws {
        let expected: [UTCDay: FairStackDayFigures] = [
            try #require(UTCDay("2026-03-01")): FairStackDayFigures(count: 45, micro: 320_000),
            try #require(UTCDay("2026-03-02")): FairStackDayFigures(count: 38, micro: 280_000),
            try #require(UTCDay("2026-03-03")): FairStackDayFigures(count: 52, micro: 410_000),
        ]
        #expect(try figures(Self.example) == expected)
        #expect(try figures("{\"request_id\":\"r\",\"data\":\(Self.example)}") == expected)
    }

    @Test func nullListIsNoUsageAndMissingListFails() throws {
        #expect(try figures("{\"days\":null}").isEmpty)
        let failure = #expect(throws: SourceFailure.self) {
            try figures("{\"error\":{\"code\":\"x\",\"message\":\"y\"}}")
        }
        #expect(failure?.reason == .decode)
        #expect(failure?.message.contains("days") == true)
    }

    @Test func missingAndInvalidFiguresAreNotZero() throws {
        let day = try #require(UTCDay("2026-03-01"))
        let found = try figures(
            """
            {"days":[{"date":"2026-03-01T00:00:00Z","count":"∞","cost":{"micro":3999.6}},
            {"date":"soon","count":1},{"date":{}},{}]}
            """)
        #expect(found == [day: .unlisted])
        #expect(step(FairStackDayFigures(count: nil, micro: nil), remembered(some)) == .read)
    }

    private func remembered(_ figures: FairStackDayFigures, isConfirmed: Bool = true) -> FairStackDayMemory {
        var memory = FairStackDayMemory(configured: keys, cells: [])
        memory.record(figures, isConfirmed: isConfirmed)
        return memory
    }

    private func step(
        _ figures: FairStackDayFigures, _ memory: FairStackDayMemory? = nil, read: Bool = true, settles: Bool = false,
        isOpen: Bool = false
    ) -> FairStackDayStep {
        FairStackDayStep(due(read: read, settles: settles), figures, memory, isOpen: isOpen)
    }

    private let zero = FairStackDayFigures(count: 0, micro: 0)

    @Test func dayIsReadUnlessItsFiguresAreUnchanged() {
        #expect(step(some, read: false) == .read)
        #expect(step(some, remembered(some)) == .keep)
        #expect(step(FairStackDayFigures(count: 2, micro: 8), remembered(some)) == .read)
        #expect(step(.unlisted, remembered(some)) == .read)
        #expect(step(.unlisted, remembered(.unlisted)) == .read)
        #expect(step(some, remembered(some, isConfirmed: false)) == .read)
        // The last read of the schedule is always a complete one.
        #expect(step(some, remembered(some), settles: true) == .read)
        #expect(step(.unlisted, settles: true) == .read)
    }

    @Test func missingDayIsConfirmedAndTheOpenDayIsAlwaysRead() {
        for figures in [FairStackDayFigures.unlisted, zero] {
            #expect(step(figures, read: false) == .confirm)
            #expect(step(figures, read: false, settles: true) == .confirm)
            #expect(step(figures, read: false, isOpen: true) == .read)
        }
        #expect(step(zero, remembered(zero), isOpen: true) == .keep)
        #expect(step(.unlisted, remembered(.unlisted), isOpen: true) == .read)
    }

    @Test func dayOffTheScheduleIsReadOnceForEachChange() {
        let due = due(settles: true)
        let soon = day.start + .hours(1)
        func step(
            _ figures: FairStackDayFigures, _ memory: FairStackDayMemory?, now: Timestamp? = nil
        ) -> FairStackDayStep? {
            FairStackDayStep(reopenable: due, figures, memory, now: now ?? soon)
        }
        #expect(step(some, remembered(zero)) == .read)
        #expect(step(some, remembered(some)) == .keep)
        #expect(step(.unlisted, remembered(some)) == .read)
        #expect(step(.unlisted, remembered(.unlisted)) == .keep)
        #expect(step(.unlisted, nil) == .keep)
        #expect(step(some, nil) == nil)
        // Endpoints that disagree are compared again a day later.
        #expect(step(some, remembered(some, isConfirmed: false)) == .keep)
        #expect(step(some, remembered(some, isConfirmed: false), now: day.start + .days(1)) == .read)
    }

    @Test func sumOfTheListedDaysConfirmsTheTotalOfTheirRange() throws {
        let usage = FairStackBreakdown(try FairStackBody<FairStackUsage>.payload(of: answer(FairStackDayTests.example)))
        var listed = [
            day: FairStackDayFigures(count: 300, micro: 4_000_000),
            day.advanced(by: 2): FairStackDayFigures(count: 47, micro: 520_000),
            day.advanced(by: 9): some,
        ]
        #expect(FairStackDayFigures.sum(listed, from: day, to: day.advanced(by: 5)).areWhole(of: usage))
        #expect(!FairStackDayFigures.sum(listed, from: day, to: day.advanced(by: 9)).areWhole(of: usage))
        listed[day] = FairStackDayFigures(count: 300, micro: nil)
        #expect(!FairStackDayFigures.sum(listed, from: day, to: day.advanced(by: 5)).areWhole(of: usage))
        let none = FairStackBreakdown(
            try FairStackBody<FairStackUsage>.payload(of: answer("{\"by_model\":[{\"model\":\"a\"}]}")))
        #expect(!zero.areWhole(of: none))
    }

    @Test func figuresOfTheTwoEndpointsAreComparedIfBothHaveThem() throws {
        let usage = FairStackBreakdown(try FairStackBody<FairStackUsage>.payload(of: answer(FairStackDayTests.example)))
        #expect(FairStackDayFigures(count: 347, micro: 4_520_000).agrees(with: usage))
        #expect(FairStackDayFigures(count: nil, micro: 4_520_000).agrees(with: usage))
        #expect(!FairStackDayFigures(count: 348, micro: 4_520_000).agrees(with: usage))
        #expect(!FairStackDayFigures(count: 347, micro: 4_520_001).agrees(with: usage))
    }

    @Test func dayKeepsTheKeysOfItsFirstReadAcrossRestarts() throws {
        let first = remembered(some)
        let restored = try #require(FairStackDayMemory(stored: try first.encoded()))
        #expect(restored == first)
        #expect(restored.queried == keys)
        #expect(FairStackDayMemory(stored: nil) == nil)
        #expect(FairStackDayMemory(stored: "{broken") == nil)
    }

    @Test func dayWithoutStoredStateKeepsTheKeysOfItsCells() {
        let batch = FairStackKey(id: "key_batch", name: "batch")
        let memory = FairStackDayMemory(
            configured: keys + [batch],
            cells: [
                Cell(.cost, ["web", "m"], micros(1)), Cell(.keyCost, ["gone"], micros(2)),
                Cell(.modalityCost, ["image"], micros(3)),
            ])
        #expect(memory.queried == keys)
        #expect(memory.frozen == ["gone"])
        #expect(FairStackDayMemory(configured: keys, cells: [Cell(.cost, ["", "m"], micros(1))]).queried == [])
        #expect(FairStackDayMemory(configured: keys, cells: []).queried == keys)
    }
}
