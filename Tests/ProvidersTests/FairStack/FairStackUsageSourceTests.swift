import Testing
import UsageModel
import Upstream

@testable import Providers

/// `GET /v1/usage` through whole syncs: what is counted, and what it costs in requests.
@Suite struct FairStackUsageSourceTests {
    private let noon = Timestamp(milliseconds: 1_795_176_000_000)  // 2026-11-20T12:00:00Z
    private var today: UTCDay { noon.day }
    private let world = FairStackWorld()

    private func sync(_ visit: StoredVisit, keys: [FairStackKey] = []) async throws -> [String] {
        let api = world.api()
        try await FairStackUsageSource(api: api, keys: keys).sync(visit)
        return api.takeRequests()
    }

    private func daysAgo(_ days: Int) -> UTCDay { today.advanced(by: -days) }

    @Test func dayThatDailyDoesNotListYetIsCounted() async throws {
        let visit = StoredVisit(now: noon, days: 6)
        for days in 0...6 { world.charge(1_000_000, on: daysAgo(days)) }
        world.behave { $0.hidden = [today] }
        _ = try await sync(visit)
        #expect(visit.sum(.cost) == ExactDecimal(7))
        world.charge(1_000_000, on: today)
        visit.advance(by: .minutes(5))
        let requests = try await sync(visit)
        #expect(visit.sum(.cost, on: today) == ExactDecimal(2))
        #expect(requests.count == 2)
    }

    @Test func monthWithoutUsageCostsOneQueryOfItsWholeRange() async throws {
        let visit = StoredVisit(now: noon, days: 30)
        world.charge(5, on: daysAgo(9))
        let requests = try await sync(visit)
        #expect(
            requests == [
                "/v1/usage/daily?from=2026-10-21&to=2026-11-20", "/v1/usage?from=2026-11-20&to=2026-11-20",
                "/v1/usage?from=2026-10-21&to=2026-11-19", "/v1/usage?from=2026-11-11&to=2026-11-11",
            ])
        #expect(visit.sum(.cost) == micros(5))
        #expect(visit.dueSlices.map(\.slice.period.start.day) == [today])
    }

    @Test func daysThatDailyLeavesOutAreReadOneByOneWhereTheTotalHasMore() async throws {
        let visit = StoredVisit(now: noon, days: 10)
        for days in 0...10 { world.charge(1, on: daysAgo(days)) }
        world.behave { $0.hidden = [daysAgo(4), daysAgo(7)] }
        let requests = try await sync(visit)
        #expect(visit.sum(.cost) == micros(11))
        // `daily`, each day, and the one query of the range.
        #expect(requests.count == 1 + 11 + 1)
    }

    @Test func lateChargeOfADayOffTheScheduleIsCountedAtTheNextSync() async throws {
        let visit = StoredVisit(now: noon, days: 30)
        for days in 0...30 where days != 25 { world.charge(10, on: daysAgo(days)) }
        _ = try await sync(visit)
        visit.advance(by: .minutes(5))
        #expect(try await sync(visit).count == 1)
        // Of a day with usage, of one without, and one that is taken back in part.
        world.charge(7, on: daysAgo(20))
        world.charge(9, on: daysAgo(25))
        world.charge(-4, on: daysAgo(30))
        visit.advance(by: .minutes(5))
        let requests = try await sync(visit)
        #expect(visit.sum(.cost, on: daysAgo(20)) == micros(17))
        #expect(visit.sum(.cost, on: daysAgo(25)) == micros(9))
        #expect(visit.sum(.cost, on: daysAgo(30)) == micros(6))
        #expect(requests.count == 4)
        visit.advance(by: .minutes(5))
        #expect(try await sync(visit).count == 1)
    }

    @Test func lateChargeBetweenTwoReadingsOfTheScheduleIsCountedAtTheNextSync() async throws {
        let visit = StoredVisit(now: noon, days: 6)
        world.charge(10, on: daysAgo(1))
        _ = try await sync(visit)
        visit.advance(by: .minutes(5))
        #expect(visit.dueSlices.count == 1)
        for days in 1...6 { world.charge(1, on: daysAgo(days)) }
        let requests = try await sync(visit)
        #expect(visit.sum(.cost) == micros(16))
        // `daily`, today, which it does not list, and each changed day.
        #expect(requests.count == 8)
        visit.advance(by: .minutes(5))
        #expect(try await sync(visit).count == 2)
    }

    @Test func dayOfWhichNothingIsRememberedIsComparedWithItsCells() async throws {
        let visit = StoredVisit(now: noon, days: 20)
        for days in 0...20 { world.charge(10, on: daysAgo(days)) }
        _ = try await sync(visit)
        visit.forget("day/2026-11-0")
        world.charge(3, on: daysAgo(15))
        visit.advance(by: .minutes(5))
        #expect(try await sync(visit).count == 2)
        #expect(visit.sum(.cost) == micros(213))
        #expect(visit.memories["day/\(daysAgo(16))"] != nil)
    }

    @Test func endpointsThatDisagreeForGoodCostOneQueryADay() async throws {
        let visit = StoredVisit(now: noon, days: 20)
        for days in 10...20 { world.charge(10, on: daysAgo(days)) }
        world.behave { $0.dailyOffset = 1 }
        _ = try await sync(visit)
        var counts: [Int] = []
        for _ in 0..<2 {
            visit.advance(by: .hours(1))
            counts.append(try await sync(visit).filter { $0.contains("from=2026-11-0") }.count)
        }
        visit.advance(by: .hours(23))
        counts.append(try await sync(visit).filter { $0.contains("/v1/usage?from=2026-11-0") }.count)
        #expect(counts == [0, 0, 9])
        #expect(visit.sum(.cost) == micros(110))
    }

    @Test func dayThatCannotBeReadStopsNoOther() async throws {
        let visit = StoredVisit(now: noon, days: 6)
        for days in 0...6 { world.charge(1, on: daysAgo(days)) }
        world.behave { $0.broken = [daysAgo(2)] }
        let failure = await #expect(throws: PartialFailure.self) { try await sync(visit) }
        #expect(failure?.reason == .decode)
        #expect(visit.readings.first?.slices.map(\.slice.period.start.day) == [today])
        #expect(visit.sum(.cost) == micros(6))
        world.behave { $0.broken = [] }
        visit.advance(by: .minutes(5))
        _ = try await sync(visit)
        #expect(visit.sum(.cost) == micros(7))
    }

    @Test func serversThatAreDownEndTheSyncAndCompleteNothing() async throws {
        let visit = StoredVisit(now: noon, days: 6)
        for days in 0...6 { world.charge(1, on: daysAgo(days)) }
        world.behave { $0.isDown = true }
        let failure = await #expect(throws: UpstreamFailure.self) { try await sync(visit) }
        #expect(failure?.reason == .http5xx)
        #expect(visit.readings.isEmpty)
    }

    @Test func openDayIsReadWithoutDaily() async throws {
        let visit = StoredVisit(now: noon, days: 6)
        world.charge(1, on: today)
        world.charge(1, on: daysAgo(1))
        world.behave { $0.hasBrokenDaily = true }
        // Not a partial failure: the history was not read.
        let failure = await #expect(throws: SourceFailure.self) { try await sync(visit) }
        #expect(failure?.reason == .decode)
        #expect(visit.sum(.cost) == micros(1))
    }
}
