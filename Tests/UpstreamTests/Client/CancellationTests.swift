import Testing
import Upstream
import UsageModel

@Suite struct CancellationTests {
    @Test("Cancellation ends a hanging request at once", arguments: [false, true])
    func hangingRequest(headArrived: Bool) async throws {
        let response =
            headArrived
            ? ScriptedResponse(steps: [.send(ScriptedResponse.head(200, [("Content-Length", "10")]) + Array("[1".utf8))]
            )
            : .silence
        try await LoopbackServer.run([response]) { server in
            try await TestBench.run { bench in
                let client = bench.client(try UpstreamSettings(baseURL: server.url))
                let call = Task { try await client.send(UpstreamCall(.get, "/")) }
                await server.waitForRequests(1)
                let start = ContinuousClock.now
                call.cancel()
                await #expect(throws: CancellationError.self) { try await call.value }
                // Milliseconds on an idle machine; the limit allows for a busy one and is far below every timeout.
                #expect(ContinuousClock.now - start < .seconds(8))
                #expect(bench.observer.codes.isEmpty)
                #expect(bench.clock.slept.isEmpty)
            }
        }
    }

    @Test("A cancelled task sends nothing")
    func alreadyCancelled() async throws {
        try await LoopbackServer.run([.text(200, "{}")]) { server in
            try await TestBench.run { bench in
                let client = bench.client(try UpstreamSettings(baseURL: server.url))
                let call = Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    return try await client.send(UpstreamCall(.get, "/"))
                }
                await #expect(throws: CancellationError.self) { try await call.value }
                #expect(server.requests.isEmpty)
            }
        }
    }

    @Test("Hanging requests of one account do not block those of another")
    func independence() async throws {
        let hanging = 20
        try await LoopbackServer.run(Array(repeating: .silence, count: hanging) + [.text(200, "{}")]) { server in
            try await TestBench.run { bench in
                let settings = try UpstreamSettings(baseURL: server.url)
                let first = bench.client(settings)
                let calls = (0..<hanging).map { _ in Task { try await first.send(UpstreamCall(.get, "/slow")) } }
                await server.waitForRequests(hanging)
                let second = bench.client(settings, credential: Credential(literal: "other"))
                #expect(try await second.send(UpstreamCall(.get, "/fast")).status == 200)
                // None of the hanging requests has ended.
                #expect(bench.observer.codes == [200])
                for call in calls { call.cancel() }
                for call in calls { _ = await call.result }
            }
        }
    }

    @Test("Calls after the shutdown fail instead of trapping")
    func afterShutdown() async throws {
        let connections = UpstreamConnections()
        try await connections.shutdown()
        try await connections.shutdown()
        let bench = TestBench(connections: connections)
        let failure = try await bench.failure(UpstreamSettings(baseURL: "http://127.0.0.1:1"))
        #expect(failure.message.contains("stopping"))
    }
}
