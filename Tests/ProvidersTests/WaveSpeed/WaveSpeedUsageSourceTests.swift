import Testing
import TestSupport
import UsageModel
import Upstream

@testable import Providers

/// Tests of `usage_stats` against a provider with late, partial, rounded or broken responses.
@Suite struct WaveSpeedUsageSourceTests {
    private static let now = Timestamp(milliseconds: 1_795_186_800_000)  // 2026-11-20T15:00:00Z

    private let world = WaveSpeedWorld(now: now)
    private let context: StoredVisit

    init() {
        context = StoredVisit(now: Self.now, days: 30)
    }

    private func sync() async throws {
        try await WaveSpeedUsageSource(api: world, outcomesByModel: true).sync(context)
    }

    private func advance(by duration: Duration) {
        context.advance(by: duration)
        world.advance(by: duration)
    }

    private func day(_ ago: Int) -> UTCDay { Self.now.day.advanced(by: -ago) }

    private func outcomes(_ outcome: String) -> ExactDecimal { context.sum(.outcomes) { $0[2] == outcome } }

    @Test func lateChargesOfAMonthAreCountedAtTheNextSync() async throws {
        for ago in 0...30 { world.charge("1", at: day(ago).start + .hours(3)) }
        try await sync()
        #expect(context.sum(.cost) == ExactDecimal(31))
        // Syncs until the schedule has no day to read.
        advance(by: .minutes(5))
        try await sync()
        _ = world.takeQueries()
        advance(by: .minutes(5))
        try await sync()
        #expect(world.takeQueries() == ["\(day(30))…\(day(0))", "\(day(0))…\(day(0))"])
        for ago in [5, 17, 30] { world.charge("2", at: day(ago).start + .hours(4)) }
        advance(by: .minutes(5))
        try await sync()
        #expect(context.sum(.cost) == ExactDecimal(37))
        let queries = world.takeQueries()
        // Three days with one query each for the model whose count changed; today's query, and the query of the range.
        #expect(queries.count == 8, "\(queries)")
        advance(by: .minutes(5))
        try await sync()
        #expect(world.takeQueries().count == 2)
    }

    @Test(arguments: ["hidden", "timestamps"]) func historyMissingInTheRangeQueryIsStillRead(form: String)
        async throws
    {
        for ago in 0..<13 { world.charge("3", at: day(ago).start + .hours(3)) }
        world.behave {
            $0.hidesDays = form == "hidden"
            $0.writesTimestamps = form == "timestamps"
        }
        try await sync()
        #expect(context.sum(.cost) == ExactDecimal(39))
    }

    @Test func firstSyncQueriesOneRangeAndTheDaysWithUsage() async throws {
        for ago in [0, 8, 20] { world.charge("1", at: day(ago).start + .hours(3)) }
        try await sync()
        let queries = world.takeQueries()
        // The range; the open day and the three days of the schedule; two days of history; one query per model.
        #expect(queries.filter { $0.hasSuffix(" m") }.count == 3)
        #expect(queries.count == 10, "\(queries)")
    }

    @Test(arguments: ["broken", "down"]) func unreadableDayDoesNotStopOthers(how: String) async throws {
        for ago in 0...2 { world.charge("10", at: day(ago).start + .hours(3)) }
        try await sync()
        world.behave {
            if how == "broken" { $0.broken = [day(1)] } else { $0.down = [day(1)] }
        }
        world.charge("5", at: Self.now + .minutes(1))
        world.charge("7", at: day(2).start + .hours(5))
        advance(by: .hours(2))
        world.charge("1", at: day(1).start + .hours(5))
        await #expect(throws: PartialFailure.self) { try await sync() }
        #expect(context.sum(.cost, on: day(0)) == ExactDecimal(15))
        #expect(context.sum(.cost, on: day(2)) == ExactDecimal(17))
        #expect(context.sum(.cost, on: day(1)) == ExactDecimal(10))
        world.behave { $0 = WaveSpeedWorld.Behaviour() }
        try await sync()
        #expect(context.sum(.cost, on: day(1)) == ExactDecimal(11))
    }

    @Test func runningJobsAreNotFailuresAndLateSuccessesAreCounted() async throws {
        world.charge("1", at: Self.now - .minutes(2), count: 100)
        world.charge("1", at: Self.now - .minutes(1), count: 50, doneAfter: .minutes(50))
        try await sync()
        #expect(outcomes("success") == ExactDecimal(100))
        #expect(outcomes("failure") == .zero)
        #expect(context.gauges[.pendingRequests] == [GaugeSample(["m"], 50)])
        for _ in 0..<12 {
            advance(by: .minutes(5))
            try await sync()
            #expect(outcomes("failure") == .zero)
        }
        #expect(outcomes("success") == ExactDecimal(150))
        #expect(context.gauges[.pendingRequests] == [GaugeSample(["m"], 0)])
    }

    @Test func requestsUnfinishedForAnHourCountAsFailed() async throws {
        world.charge("1", at: Self.now - .minutes(1), count: 3, doneAfter: nil)
        for step in 0..<15 {
            if step % 5 == 0 { world.charge("1", at: context.now - .minutes(1), count: 10, doneAfter: .minutes(12)) }
            try await sync()
            advance(by: .minutes(5))
        }
        world.charge("1", at: context.now - .minutes(1), count: 10, doneAfter: .minutes(12))
        try await sync()
        #expect(outcomes("failure") == ExactDecimal(3))
        #expect(outcomes("success") + outcomes("failure") < context.sum(.requests))
        advance(by: .hours(12))
        try await sync()
        #expect(outcomes("failure") == ExactDecimal(3))
        #expect(outcomes("success") == ExactDecimal(40))
    }

    @Test func modelIsQueriedOnlyIfItsCountOrTheDaysSuccessesChanged() async throws {
        world.charge("1", at: Self.now - .minutes(2), model: "a", count: 5)
        world.charge("1", at: Self.now - .minutes(2), model: "b", count: 5, doneAfter: .minutes(20))
        try await sync()
        _ = world.takeQueries()
        advance(by: .minutes(5))
        try await sync()
        #expect(world.takeQueries().filter { $0.hasSuffix("a") || $0.hasSuffix("b") }.isEmpty)
        advance(by: .minutes(20))
        try await sync()
        #expect(world.takeQueries().filter { $0.hasSuffix("a") }.isEmpty)
        #expect(outcomes("success") == ExactDecimal(10))
    }

    @Test func missingModelCountsComeFromTheDailyList() async throws {
        world.charge("1", at: Self.now - .hours(2), model: "a", count: 4)
        world.behave { $0.hidesCounts = true }
        try await sync()
        #expect(context.sum(.requests) { $0[1] == "a" } == ExactDecimal(4))
        #expect(context.sum(.requests) { $0[1].isEmpty } == .zero)
        _ = world.takeQueries()
        advance(by: .minutes(5))
        try await sync()
        #expect(world.takeQueries().filter { $0.hasSuffix(" a") }.isEmpty)
    }

    @Test func responseWithOtherModelsIsIgnored() async throws {
        world.charge("1", at: Self.now - .hours(2), model: "a", count: 4)
        world.charge("1", at: Self.now - .hours(2), model: "b", count: 6)
        world.behave { $0.ignoresModel = true }
        try await sync()
        #expect(outcomes("success") <= ExactDecimal(10))
        #expect(context.remarks.contains { $0.contains("lists others") })
    }

    @Test func sumsRoundedToThreeDecimalsYieldNoCorrectionsOrRemainder() async throws {
        world.behave { $0.digits = 3 }
        var highest = ExactDecimal.zero
        for step in 0..<60 {
            world.charge("0.00417", at: context.now - .seconds(30), model: "a", count: 1 + step % 3)
            world.charge("0.01333", at: context.now - .seconds(30), model: "b")
            try await sync()
            #expect(context.sum(.cost) { $0[1].isEmpty } == .zero)
            #expect(context.sum(.reconciliation) == .zero)
            #expect(context.sum(.cost) >= highest)
            highest = context.sum(.cost)
            advance(by: .minutes(5))
        }
    }

    @Test func lastSecondOfADayBelongsToIt() async throws {
        world.charge("1", at: day(0).start - .milliseconds(600))
        try await sync()
        #expect(context.sum(.cost, on: day(1)) == ExactDecimal(1))
    }

    @Test(arguments: ["{}", "null", #"{"error":"x"}"#]) func errorObjectFailsWithoutCommit(data: String)
        async throws
    {
        world.charge("1", at: Self.now - .hours(2))
        try await sync()
        world.behave { $0.data = data }
        await #expect(throws: SourceFailure.self) { try await sync() }
        await #expect(throws: SourceFailure.self) { try await WaveSpeedBalanceSource(api: world).sync(context) }
        #expect(context.sum(.cost) == ExactDecimal(1))
        #expect(context.gauges[.balanceUSD] == nil)
    }

    @Test(
        "a day without the total that had more than its models fails, and its figures stay",
        arguments: ["", #","summary":{"total_cost":3}"#, #","summary":{"total_requests":3}"#])
    func missingTotal(summary: String) async throws {
        let models = #"{"per_model_usage":[{"model_uuid":"a","total_cost":2,"total_count":2}]"#
        world.behave { $0.data = models + #","summary":{"total_cost":3,"total_requests":3}}"# }
        try await sync()
        #expect(context.sum(.cost, on: day(0)) == ExactDecimal(3))
        world.behave { $0.data = models + summary + "}" }
        advance(by: .minutes(5))
        let failure = await #expect(throws: (any Error).self) { try await sync() } as? any ReasonedFailure
        #expect(failure?.message.contains("has no total any more") == true)
        #expect(context.sum(.cost, on: day(0)) == ExactDecimal(3))
        #expect(context.sum(.requests, on: day(0)) == ExactDecimal(3))
        // A model that is listed now has the rest, as the total says.
        world.behave { $0.data = models + #","summary":{"total_cost":2,"total_requests":2}}"# }
        advance(by: .minutes(5))
        try await sync()
        #expect(context.sum(.cost, on: day(0)) == ExactDecimal(2))
    }

    @Test func invalidPriceIsSkipped() throws {
        let row =
            #"{"model_uuid":"m","total_cost":1,"total_count":1,"unit_price":"","last_used_date":[],"model_type":{}}"#
        let json = #"{"code":200,"data":{"per_model_usage":[\#(row)],"summary":{"total_cost":1,"total_requests":1}}}"#
        var remarks: [String] = []
        let stats = try WaveSpeedEnvelope<WaveSpeedUsageResponse>.payload(
            of: UpstreamResponse(status: 200, headers: [:], body: Array(json.utf8)), from: "usage_stats"
        ) { remarks.append($0) }
        #expect(try WaveSpeedDay(day(0), stats).models["m"]?.cost == ExactDecimal(1))
        #expect(remarks.count == 3)
    }

    @Test func todayIsReadBeforeFailingDays() async throws {
        for ago in 0...3 { world.charge("10", at: day(ago).start + .hours(3)) }
        world.behave { $0.down = [day(1), day(2), day(3)] }
        await #expect(throws: (any Error).self) { try await sync() }
        #expect(context.sum(.cost, on: day(0)) == ExactDecimal(10))
    }

    @Test func figuresThatPermanentlyDisagreeAreNotQueriedAtEverySync() async throws {
        world.charge("1", at: Self.now - .hours(3), model: "a", count: 5, doneAfter: nil)
        world.charge("1", at: Self.now - .hours(3), model: "b", count: 5)
        world.behave { $0.ignoresModel = true }
        try await sync()
        advance(by: .minutes(5))
        try await sync()
        _ = world.takeQueries()
        advance(by: .minutes(5))
        try await sync()
        #expect(world.takeQueries().count <= 4)
    }

    @Test func responseOfNullsIsNotADayWithoutUsage() async throws {
        world.charge("1", at: Self.now - .hours(2))
        try await sync()
        world.behave { $0.data = #"{"per_model_usage":null,"daily_usage":null,"summary":null}"# }
        await #expect(throws: SourceFailure.self) { try await sync() }
        #expect(context.sum(.cost) == ExactDecimal(1))
    }

    @Test func totalWithoutModelsIsNotCountedTwice() async throws {
        world.charge("32", at: Self.now - .hours(2))
        try await sync()
        world.behave { $0.data = #"{"summary":{"total_cost":32,"total_requests":1,"success_requests":1}}"# }
        await #expect(throws: PartialFailure.self) { try await sync() }
        #expect(context.sum(.cost) == ExactDecimal(32))
        #expect(context.sum(.cost) { $0[1].isEmpty } == .zero)
    }
}
