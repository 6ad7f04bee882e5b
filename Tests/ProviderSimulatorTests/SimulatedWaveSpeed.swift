import AsyncHTTPClient
import Foundation
import NIOCore
import ProviderSimulator
import TestSupport
import Testing
import UsageModel

/// One account with its clock, a server and a client.
struct SimulatedWaveSpeed {
    static let token = "test-key"

    let clock: ManualClock
    let store: UsageEventStore
    let server: SimulatorServer
    let baseURL: String
    let client: HTTPClient

    struct Answer {
        let status: Int
        let headers: [String: String]
        let text: String

        func json() throws -> JSONValue {
            try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        }
    }

    /// Serves an account named `media` whose store holds `events`, by default at noon of 2026-02-14.
    static func run(
        now: String = "2026-02-14T12:00:00Z", events: [UsageEvent] = [], traffic: TrafficGenerator? = nil,
        balance: PrepaidBalance = PrepaidBalance(opening: .zero), _ body: (SimulatedWaveSpeed) async throws -> Void
    ) async throws {
        let clock = ManualClock(try at(now), sleeping: .waits)
        let store = UsageEventStore(clock: clock, traffic: traffic)
        store.add(events)
        let account = WaveSpeedAccount(name: "media", token: token, store: store, balance: balance)
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout = .init(connect: .seconds(10), read: .seconds(30))
        let client = HTTPClient(configuration: configuration)
        do {
            try await withSimulator([WaveSpeedAPI(accounts: [account])], clock: clock) { server, baseURL in
                try await body(
                    SimulatedWaveSpeed(clock: clock, store: store, server: server, baseURL: baseURL, client: client))
            }
        } catch {
            try await client.shutdown()
            throw error
        }
        try await client.shutdown()
    }

    /// Moves the clock once a task sleeps.
    func passSleep(of duration: Duration) async {
        await clock.untilAsleep(1)
        clock.advance(by: duration)
    }

    func response(
        _ path: String, post body: String? = nil, token: String? = token
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: baseURL + path)
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let body {
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body))
        }
        return try await client.execute(request, timeout: .seconds(60))
    }

    func ask(_ path: String, post body: String? = nil, token: String? = token) async throws -> Answer {
        let response = try await response(path, post: body, token: token)
        let headers = Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { $1 })
        let bytes = try await response.body.collect(upTo: 1 << 24)
        return Answer(status: Int(response.status.code), headers: headers, text: String(buffer: bytes))
    }

    func balance() async throws -> Answer {
        try await ask("/wavespeed/api/v3/balance")
    }

    func usage(from start: String, to end: String, model: String? = nil, token: String? = token) async throws -> Answer
    {
        let filter = model.map { ", \"model_uuid\": \"\($0)\"" } ?? ""
        return try await ask(
            "/wavespeed/api/v3/user/usage_stats",
            post: "{\"start_time\": \"\(start)\", \"end_time\": \"\(end)\"\(filter)}", token: token)
    }

    /// `summary` as text: cost, requests, successes.
    func summary(from start: String, to end: String, model: String? = nil) async throws -> [String?] {
        let summary = try await usage(from: start, to: end, model: model).json()["data"]?["summary"]
        return ["total_cost", "total_requests", "success_requests"].map { summary?[$0]?.number?.description }
    }
}

/// A request to Kling, by default at list price.
func event(
    _ time: String, model: String = "kwaivgi/kling-v2.0-i2v-master", modality: String? = "image-to-video",
    unitPrice: String = "0.488", cost: String = "0.488", succeeded: Bool = true, visibleFrom: String? = nil
) throws -> UsageEvent {
    UsageEvent(
        time: try at(time), model: model, modality: modality, unitPrice: try usd(unitPrice), cost: try usd(cost),
        succeeded: succeeded, visibleFrom: try visibleFrom.map(at))
}
