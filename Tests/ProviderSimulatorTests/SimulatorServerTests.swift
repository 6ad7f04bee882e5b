import AsyncHTTPClient
import Logging
import ServiceLifecycle
import TestSupport
import Testing
import UsageModel

@testable import ProviderSimulator

@Suite("Simulator server", .timeLimit(.minutes(2)))
struct SimulatorServerTests {
    @Test("the request log has path, account and time, and never the key")
    func log() async throws {
        try await SimulatedWaveSpeed.run { simulated in
            _ = try await simulated.usage(from: "2026-02-13T00:00:00Z", to: "2026-02-13T23:59:59Z")
            simulated.clock.move(to: try at("2026-02-14T13:00:00Z"))
            _ = try await simulated.ask("/wavespeed/api/v3/balance?a=1&b=x%20y", token: "unknown")
            let log = simulated.server.log
            #expect(log.total == 2)
            #expect(log.count("/wavespeed/api/v3/user") == 1)
            let usage = try #require(log.requests.first)
            #expect(usage.method == "POST")
            #expect(usage.endpoint == "/api/v3/user/usage_stats")
            #expect(usage.body?["start_time"]?.text == "2026-02-13T00:00:00Z")
            #expect(usage.account == "media")
            #expect(usage.time == (try at("2026-02-14T12:00:00Z")))
            let balance = try #require(log.requests.last)
            #expect(balance.method == "GET")
            #expect(balance.query == ["a": "1", "b": "x y"])
            #expect(balance.body == nil)
            #expect(balance.account == nil)
            #expect(balance.time == (try at("2026-02-14T13:00:00Z")))
            #expect(!"\(log.requests)".contains(SimulatedWaveSpeed.token))
        }
    }

    @Test("the request log drops the oldest requests but still counts them")
    func boundedLog() {
        let log = RequestLog()
        for number in 0..<10_500 {
            let request = APIRequest(
                time: Timestamp(seconds: Int64(number)), method: "GET", path: "/p/x", endpoint: "/x", account: nil)
            #expect(log.record(request) == number)
        }
        #expect(log.total == 10_500)
        #expect(log.requests.count <= 10_000 && log.requests.count >= 9_000)
        #expect(log.requests.last?.time == Timestamp(seconds: 10_499))
    }

    @Test(
        "shutdown closes connections with requests in progress immediately",
        arguments: [Fault.hang, .slowHeaders(.hours(1)), .slowBody(bytes: 1, every: .hours(1)), .endlessBody])
    func stop(fault: Fault) async throws {
        let clock = ManualClock(try at("2026-02-14T12:00:00Z"), sleeping: .waits)
        let client = HTTPClient()
        let server = SimulatorServer([WaveSpeedAPI(accounts: [])], clock: clock)
        server.faults.stand(fault, at: "/wavespeed")
        try await withThrowingTaskGroup(of: Void.self) { group in
            let services = ServiceGroup(
                services: [server], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            group.addTask { try await services.run() }
            let url = try await server.baseURL + "/wavespeed/api/v3/balance"
            let request = Task { try await client.get(url) }
            try await server.log.wait(forTotal: 1)
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
            await #expect(throws: (any Error).self) { try await request.value }
        }
        try await client.shutdown()
    }

    @Test("a second server on a port in use throws")
    func takenPort() async throws {
        try await SimulatedWaveSpeed.run { simulated in
            let port = try #require(simulated.baseURL.split(separator: ":").last.flatMap { Int($0) })
            let second = SimulatorServer([], clock: simulated.clock, port: port)
            await #expect(throws: (any Error).self) { try await second.run() }
            await #expect(throws: (any Error).self) { try await second.baseURL }
        }
    }

    @Test("withSimulator rethrows the error of its body and stops the server")
    func bodyThrows() async throws {
        struct Mistake: Error {}
        let clock = ManualClock(try at("2026-02-14T12:00:00Z"), sleeping: .waits)
        let client = HTTPClient()
        var url = ""
        await #expect(throws: Mistake.self) {
            try await withSimulator([], clock: clock) { _, baseURL in
                url = baseURL
                throw Mistake()
            }
        }
        let gone = url
        await #expect(throws: (any Error).self) {
            try await client.execute(HTTPClientRequest(url: gone), timeout: .seconds(1))
        }
        try await client.shutdown()
    }
}

extension HTTPClient {
    fileprivate func get(_ url: String) async throws -> Int {
        let response = try await execute(HTTPClientRequest(url: url), timeout: .minutes(1))
        var bytes = 0
        for try await chunk in response.body { bytes += chunk.readableBytes }
        return bytes
    }
}
