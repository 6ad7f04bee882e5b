import Foundation
import ProviderSimulator
import TestSupport
import Testing
import UsageModel

@Suite("Demo accounts", .timeLimit(.minutes(2)))
struct DemoWorldTests {
    /// Usage of the last 31 days and the balance of each WaveSpeed account.
    private func responses(now: String) throws -> [[JSONValue]] {
        let clock = ManualClock(try at(now))
        let world = DemoWorld(clock: clock)
        return try world.accounts.filter { $0.provider == "wavespeed" }.map { account in
            let provider = try #require(world.providers.first { $0.name == account.provider })
            let name = try #require(provider.account(ofToken: "demo-wavespeed-\(account.name)"))
            func send(_ method: String, _ endpoint: String, _ body: JSONValue? = nil) -> JSONValue {
                let request = APIRequest(
                    time: clock.now, method: method, path: account.basePath + endpoint, endpoint: endpoint, body: body,
                    account: name)
                return provider.answer(request, style: []).body
            }
            let start = (clock.now - .days(30)).day.start
            let usage = send(
                "POST", "/api/v3/user/usage_stats",
                ["start_time": .string("\(start)"), "end_time": .string("\(clock.now)")])
            return [usage, send("GET", "/api/v3/balance")]
        }
    }

    @Test("every account has a month of complete days and a positive balance")
    func history() throws {
        let responses = try responses(now: "2026-11-20T15:30:00Z")
        #expect(responses.count == 2)
        for response in responses {
            #expect(response[0]["data"]?["daily_usage"]?.elements?.count == 31)
            let left = try #require(response[1]["data"]?["balance"]?.number)
            #expect(left >= ExactDecimal(10))
        }
    }

    @Test("a demo started a day later has the same days in its history")
    func restart() throws {
        func days(_ now: String) throws -> [String: JSONValue] {
            let elements = try #require(try responses(now: now)[0][0]["data"]?["daily_usage"]?.elements)
            return Dictionary(elements.map { ($0["date"]?.text ?? "", $0) }, uniquingKeysWith: { $1 })
        }
        let before = try days("2026-11-20T15:30:00Z")
        let after = try days("2026-11-21T15:30:00Z")
        for day in ["2026-10-25", "2026-11-10", "2026-11-19"] {
            #expect(before[day] != nil)
            #expect(before[day] == after[day])
        }
    }

    @Test("the summary over HTTP equals a recount of the events")
    func truthOverHTTP() async throws {
        let now = "2026-11-20T15:30:00Z"
        let start = try at("2026-11-01")
        let world = DemoWorld(clock: ManualClock(try at(now)))
        #expect(world.accounts.allSatisfy { $0.basePath == "/\($0.provider)" })
        let profile = TrafficProfile(
            requestsPerHour: 30,
            models: [.init("a/b", modality: "x", unitPrice: try usd("0.1"), units: [1, 3], share: 1, failureRate: 0.2)])
        let traffic = TrafficGenerator(seed: 3, account: "t", profile: profile, start: start)
        try await SimulatedWaveSpeed.run(now: now, traffic: traffic) { simulated in
            let truth = simulated.store.visibleTruth(in: Period(start: start, end: try at(now) + .seconds(1))).overall
            #expect(truth.failures > 100)
            let summary = try await simulated.summary(from: "2026-11-01T00:00:00Z", to: now)
            #expect(summary == ["\(truth.cost)", "\(truth.requests)", "\(truth.successes)"])
        }
    }
}
