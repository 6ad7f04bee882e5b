import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of `GET /v1/usage` with whole syncs: the counted usage and the number of requests.
@Suite struct FairStackUsageSourceTests {
    private let noon = Timestamp(milliseconds: 1_795_176_000_000)  // 2026-11-20T12:00:00Z
    private var today: UTCDay { noon.day }
    private let world = FairStackWorld()

    private func sync(_ context: StoredVisit, keys: [FairStackKey] = []) async throws -> [String] {
        let api = world.api()
        try await FairStackUsageSource(api: api, keys: keys).sync(context)
        return api.takeRequests()
    }

    private func daysAgo(_ days: Int) -> UTCDay { today.advanced(by: -days) }

    @Test func dayMissingInDailyIsCounted() async throws {
        let context = StoredVisit(now: noon, days: 6)
        for days in 0...6 { world.charge(1_000_000, on: daysAgo(days)) }
        world.behave { $0.hidden = [today] }
        _ = try await sync(context)
        #expect(context.sum(.cost) == ExactDecimal(7))
        world.charge(1_000_000, on: today)
        context.advance(by: .minutes(5))
        let requests = try await sync(context)
        #expect(context.sum(.cost, on: today) == ExactDecimal(2))
        #expect(requests.count == 2)
    }

    @Test("a day without the total that had more than its models fails, and its figures stay")
    func missingTotal() async throws {
        let context = StoredVisit(now: noon, days: 2)
        world.charge(5, on: today)
        // A row without a name is in the total only.
        world.charge(3, on: today, model: "")
        _ = try await sync(context)
        #expect(context.sum(.cost, on: today) == micros(8))
        world.behave { $0.hasTotals = false }
        world.charge(1, on: today)
        context.advance(by: .minutes(5))
        let failure = await #expect(throws: (any Error).self) { _ = try await sync(context) } as? any ReasonedFailure
        #expect(failure?.message.contains("has no total any more") == true)
        #expect(context.sum(.cost, on: today) == micros(8))
        world.behave { $0.hasTotals = true }
        context.advance(by: .minutes(5))
        _ = try await sync(context)
        #expect(context.sum(.cost, on: today) == micros(9))
    }

    @Test func monthWithoutUsageNeedsOneQueryOfItsRange() async throws {
        let context = StoredVisit(now: noon, days: 30)
        world.charge(5, on: daysAgo(9))
        let requests = try await sync(context)
        #expect(
            requests == [
                "/v1/usage/daily?from=2026-10-21&to=2026-11-20", "/v1/usage?from=2026-11-20&to=2026-11-20",
                "/v1/usage?from=2026-10-21&to=2026-11-19", "/v1/usage?from=2026-11-11&to=2026-11-11",
            ])
        #expect(context.sum(.cost) == micros(5))
        #expect(context.dueSlices.map(\.slice.period.start.day) == [today])
    }

    @Test func daysMissingInDailyAreReadIfTheTotalIsLarger() async throws {
        let context = StoredVisit(now: noon, days: 10)
        for days in 0...10 { world.charge(1, on: daysAgo(days)) }
        world.behave { $0.hidden = [daysAgo(4), daysAgo(7)] }
        let requests = try await sync(context)
        #expect(context.sum(.cost) == micros(11))
        // `daily`, one query a day, and one query of the range.
        #expect(requests.count == 1 + 11 + 1)
    }

    @Test func lateChargeOfADayOffTheScheduleIsCountedAtTheNextSync() async throws {
        let context = StoredVisit(now: noon, days: 30)
        for days in 0...30 where days != 25 { world.charge(10, on: daysAgo(days)) }
        _ = try await sync(context)
        context.advance(by: .minutes(5))
        #expect(try await sync(context).count == 1)
        // Charges for a day with usage and for one without, and a partly reverted charge.
        world.charge(7, on: daysAgo(20))
        world.charge(9, on: daysAgo(25))
        world.charge(-4, on: daysAgo(30))
        context.advance(by: .minutes(5))
        let requests = try await sync(context)
        #expect(context.sum(.cost, on: daysAgo(20)) == micros(17))
        #expect(context.sum(.cost, on: daysAgo(25)) == micros(9))
        #expect(context.sum(.cost, on: daysAgo(30)) == micros(6))
        #expect(requests.count == 4)
        context.advance(by: .minutes(5))
        #expect(try await sync(context).count == 1)
    }

    @Test func lateChargeBetweenScheduledReadsIsCountedAtTheNextSync() async throws {
        let context = StoredVisit(now: noon, days: 6)
        world.charge(10, on: daysAgo(1))
        _ = try await sync(context)
        context.advance(by: .minutes(5))
        #expect(context.dueSlices.count == 1)
        for days in 1...6 { world.charge(1, on: daysAgo(days)) }
        let requests = try await sync(context)
        #expect(context.sum(.cost) == micros(16))
        // `daily`, today (which it does not list), and each changed day.
        #expect(requests.count == 8)
        context.advance(by: .minutes(5))
        #expect(try await sync(context).count == 2)
    }

    @Test func dayWithoutStoredStateIsComparedWithItsCells() async throws {
        let context = StoredVisit(now: noon, days: 20)
        for days in 0...20 { world.charge(10, on: daysAgo(days)) }
        _ = try await sync(context)
        context.forget("day/2026-11-0")
        world.charge(3, on: daysAgo(15))
        context.advance(by: .minutes(5))
        #expect(try await sync(context).count == 2)
        #expect(context.sum(.cost) == micros(213))
        #expect(context.memories["day/\(daysAgo(16))"] != nil)
    }

    @Test func endpointsThatPermanentlyDisagreeCauseOneQueryADay() async throws {
        let context = StoredVisit(now: noon, days: 20)
        for days in 10...20 { world.charge(10, on: daysAgo(days)) }
        world.behave { $0.dailyOffset = 1 }
        _ = try await sync(context)
        var counts: [Int] = []
        for _ in 0..<2 {
            context.advance(by: .hours(1))
            counts.append(try await sync(context).filter { $0.contains("from=2026-11-0") }.count)
        }
        context.advance(by: .hours(23))
        counts.append(try await sync(context).filter { $0.contains("/v1/usage?from=2026-11-0") }.count)
        #expect(counts == [0, 0, 9])
        #expect(context.sum(.cost) == micros(110))
    }

    @Test func unreadableDayDoesNotStopOthers() async throws {
        let context = StoredVisit(now: noon, days: 6)
        for days in 0...6 { world.charge(1, on: daysAgo(days)) }
        world.behave { $0.broken = [daysAgo(2)] }
        let failure = await #expect(throws: PartialFailure.self) { try await sync(context) }
        #expect(failure?.reason == .decode)
        #expect(context.readings.first?.slices.map(\.slice.period.start.day) == [today])
        #expect(context.sum(.cost) == micros(6))
        world.behave { $0.broken = [] }
        context.advance(by: .minutes(5))
        _ = try await sync(context)
        #expect(context.sum(.cost) == micros(7))
    }

    @Test func serverErrorsEndTheSyncWithoutCompletingHistory() async throws {
        let context = StoredVisit(now: noon, days: 6)
        for days in 0...6 { world.charge(1, on: daysAgo(days)) }
        world.behave { $0.isDown = true }
        let failure = await #expect(throws: UpstreamFailure.self) { try await sync(context) }
        #expect(failure?.reason == .http5xx)
        #expect(context.readings.isEmpty)
    }

    @Test func openDayIsReadWithoutDaily() async throws {
        let context = StoredVisit(now: noon, days: 6)
        world.charge(1, on: today)
        world.charge(1, on: daysAgo(1))
        world.behave { $0.hasBrokenDaily = true }
        // Not a partial failure, because the history was not read.
        let failure = await #expect(throws: SourceFailure.self) { try await sync(context) }
        #expect(failure?.reason == .decode)
        #expect(context.sum(.cost) == micros(1))
    }
}
