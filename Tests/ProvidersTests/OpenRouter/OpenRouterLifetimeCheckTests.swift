import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// The growth of the account's lifetime total is compared with the hours that were counted.
@Suite struct OpenRouterLifetimeCheckTests {
    private let now = Timestamp(seconds: 1_793_625_600)  // 2026-11-02T13:20:00Z

    /// Charges 0.5 USD an hour for two days while the lifetime total grows by as much and a further amount.
    private func run(beyond: String, at minute: Int = 20) async throws -> (StoredVisit, OpenRouterBench) {
        let world = OpenRouterWorld()
        let start = now.startOfHour + .minutes(minute)
        let visit = StoredVisit(now: start, by: .hour)
        let api = world.api
        let half = try decimal("0.5")
        for step in 0..<52 {
            let hour = start.startOfHour + .hours(step)
            world.change { state in
                state.rows.append(.init(hour: hour, key: "a", cost: "0.5"))
                state.totalUsage =
                    ExactDecimal(1000) + half * step + (step > 10 ? ExactDecimal(beyond) ?? .zero : .zero)
            }
            #expect(await visit.sync(api) == nil)
            visit.advance(by: .hours(1))
        }
        return (visit, api)
    }

    @Test("totals that grow with the hours agree, and are read once a day")
    func agrees() async throws {
        let (visit, api) = try await run(beyond: "0")
        #expect(visit.sum(.reconciliation) == .zero)
        #expect(visit.readings.flatMap(\.slices).contains { $0.slice.scope == "lifetime" })
        #expect(api.takeRequests().filter { $0 == "/api/v1/credits" }.count == 3)
    }

    @Test(
        "a larger and a smaller growth are shown beyond what the hours of the readings explain", arguments: ["7", "-6"])
    func differs(beyond: String) async throws {
        let (visit, _) = try await run(beyond: beyond)
        let difference = visit.sum(.reconciliation)
        // Each of two hours with 0.5 USD may be counted or not.
        #expect((difference - (try decimal(beyond))).magnitude <= ExactDecimal(1))
        #expect(difference.isNegative == beyond.hasPrefix("-"))
    }

    @Test(
        "near a full hour the total is not read, because requests in flight may be in one figure only",
        arguments: [5, 50])
    func edges(minute: Int) async throws {
        let (visit, api) = try await run(beyond: "7", at: minute)
        #expect(visit.sum(.reconciliation) == .zero)
        #expect(!api.takeRequests().contains("/api/v1/credits"))
    }

    @Test("another credential starts again, because it may belong to another account")
    func otherCredential() async throws {
        let (visit, api) = try await run(beyond: "0")
        api.rotate(to: "two")
        let before = visit.memories["lifetime"]
        #expect(await visit.sync(api) == nil)
        visit.advance(by: .hours(1))
        #expect(await visit.sync(api) == nil)
        #expect(before?.contains("\"one\"") == true)
        #expect(visit.memories["lifetime"]?.contains("\"two\"") == true)
    }
}
