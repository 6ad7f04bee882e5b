import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of keys that the API does not know: their account is still read, and nothing is counted twice.
@Suite struct FairStackKeyTests {
    private let noon = Timestamp(milliseconds: 1_795_176_000_000)  // 2026-11-20T12:00:00Z
    private var today: UTCDay { noon.day }
    private let world = FairStackWorld()
    private let web = FairStackKey(id: "key_web", name: "web")
    private let typo = FairStackKey(id: "key_wep", name: "typo")

    private func sync(_ context: StoredVisit, keys: [FairStackKey]) async throws -> [String] {
        let api = world.api()
        try await FairStackUsageSource(api: api, keys: keys).sync(context)
        return api.takeRequests()
    }

    private func failingSync(_ context: StoredVisit, keys: [FairStackKey]) async -> PartialFailure? {
        await #expect(throws: PartialFailure.self) { try await sync(context, keys: keys) }
    }

    private func cost(_ context: StoredVisit, of key: String, on day: UTCDay) -> ExactDecimal {
        context.sum(.cost, on: day) { $0[0] == key }
    }

    @Test func unknownKeyIsReportedAndTheAccountIsCountedWithoutIt() async throws {
        let context = StoredVisit(now: noon, days: 3)
        for days in 0...3 {
            world.charge(10, on: today.advanced(by: -days), key: "key_web")
            world.charge(5, on: today.advanced(by: -days), key: "key_wep")
        }
        world.behave { $0.unknownKeys = ["key_wep"] }
        let failure = await failingSync(context, keys: [web, typo])
        #expect(failure?.reason == .http4xx)
        #expect(failure?.message.contains("typo") == true)
        for days in 0...3 {
            #expect(cost(context, of: "web", on: today.advanced(by: -days)) == micros(10))
            #expect(cost(context, of: "", on: today.advanced(by: -days)) == micros(5))
        }
        // A sync that reads nothing also reports it.
        context.advance(by: .minutes(5))
        #expect(await failingSync(context, keys: [web, typo])?.message.contains("typo") == true)
        // Without the key in the config there is no failure.
        #expect(try await sync(context, keys: [web]).count == 1)
    }

    @Test func keyThatBecomesKnownStartsWithANewDay() async throws {
        let context = StoredVisit(now: noon)
        world.charge(5, on: today, key: "key_wep")
        world.behave { $0.unknownKeys = ["key_wep"] }
        _ = await failingSync(context, keys: [typo])
        world.behave { $0.unknownKeys = [] }
        world.charge(2, on: today, key: "key_wep")
        context.advance(by: .minutes(5))
        _ = try await sync(context, keys: [typo])
        #expect(cost(context, of: "", on: today) == micros(7))
        #expect(cost(context, of: "typo", on: today) == .zero)
        let tomorrow = today.advanced(by: 1)
        world.charge(3, on: tomorrow, key: "key_wep")
        context.advance(by: .hours(13))
        _ = try await sync(context, keys: [typo])
        #expect(cost(context, of: "typo", on: tomorrow) == micros(3))
        #expect(context.sum(.cost) == micros(10))
    }

    @Test func deletedKeyKeepsItsShareAndGetsNoLaterUsage() async throws {
        let context = StoredVisit(now: noon)
        world.charge(10, on: today, key: "key_web")
        _ = try await sync(context, keys: [web])
        world.behave { $0.unknownKeys = ["key_web"] }
        world.charge(4, on: today, key: "key_web")
        context.advance(by: .minutes(5))
        _ = await failingSync(context, keys: [web])
        #expect(cost(context, of: "web", on: today) == micros(10))
        #expect(cost(context, of: "", on: today) == micros(4))
        // The key is back. Usage that was counted without a key must not move.
        world.behave { $0.unknownKeys = [] }
        world.charge(1, on: today, key: "key_web")
        context.advance(by: .minutes(5))
        _ = try await sync(context, keys: [web])
        #expect(cost(context, of: "web", on: today) == micros(10))
        #expect(cost(context, of: "", on: today) == micros(5))
    }

    @Test func keyRemovedFromConfigAndProviderIsNotReported() async throws {
        let context = StoredVisit(now: noon)
        world.charge(10, on: today, key: "key_web")
        _ = try await sync(context, keys: [web])
        world.behave { $0.unknownKeys = ["key_web"] }
        world.charge(4, on: today)
        context.advance(by: .minutes(5))
        _ = try await sync(context, keys: [])
        #expect(cost(context, of: "web", on: today) == micros(10))
        #expect(cost(context, of: "", on: today) == micros(4))
    }

    @Test func unknownKeyIsQueriedOncePerSync() async throws {
        let context = StoredVisit(now: noon, days: 9)
        for days in 0...9 { world.charge(1, on: today.advanced(by: -days)) }
        world.behave { $0.unknownKeys = ["key_wep"] }
        let api = world.api()
        await #expect(throws: PartialFailure.self) {
            try await FairStackUsageSource(api: api, keys: [typo]).sync(context)
        }
        #expect(api.takeRequests().filter { $0.contains("key_id") }.count == 1)
        #expect(context.sum(.cost) == micros(10))
    }

    @Test func dayWithoutUsageCausesNoQueriesOfKeys() async throws {
        let context = StoredVisit(now: noon)
        #expect(try await sync(context, keys: [web, typo]).count == 2)
    }

    @Test func lateChargeKeepsTheLabelsOfItsDay() async throws {
        let context = StoredVisit(now: noon, days: 20)
        let day = today.advanced(by: -12)
        world.charge(10, on: day, key: "key_web")
        _ = try await sync(context, keys: [])
        world.charge(4, on: day, key: "key_web")
        context.advance(by: .minutes(5))
        // A key that was added meanwhile does not change a day that was read without it.
        _ = try await sync(context, keys: [web])
        #expect(cost(context, of: "", on: day) == micros(14))
        #expect(cost(context, of: "web", on: day) == .zero)
    }

    @Test func keyWithPersistentServerErrorsIsSkippedAfterAnHour() throws {
        let failure = UpstreamFailure(reason: .http5xx, status: 503, message: "down")
        var stored: String?
        var decisions: [Bool] = []
        for minutes in [0, 59, 60] {
            var refused = FairStackRefusedKeys(stored: stored, configured: [web])
            decisions.append(refused.giveUp(web, after: failure, now: noon + .minutes(minutes)))
            #expect(refused.failure?.reason == .http5xx)
            stored = try refused.encoded()
        }
        #expect(decisions == [false, false, true])
        var refused = FairStackRefusedKeys(stored: stored, configured: [web])
        refused.accept(web)
        // A failure that affects the whole account is not a failure of a key.
        let limit = UpstreamFailure(reason: .rateLimited, status: 429, message: "slow down")
        let isGivenUp = refused.giveUp(web, after: limit, now: noon + .hours(2))
        #expect(!isGivenUp)
        #expect(refused.failure == nil)
        #expect(try refused.encoded() == nil)
    }
}
