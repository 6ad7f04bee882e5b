import NIOConcurrencyHelpers
import Testing
import Upstream
import UsageModel

/// Calls to an endpoint with a request quota: each request requires a permit.
@Suite struct PermitTests {
    private final class Book: Sendable {
        private let permits: NIOLockedValueBox<Int>
        init(permits: Int) { self.permits = NIOLockedValueBox(permits) }
        var left: Int { permits.withLockedValue { $0 } }

        @Sendable func take() async throws {
            try permits.withLockedValue { permits in
                guard permits > 0 else { throw SyncPostponed(until: Timestamp(seconds: 0)) }
                permits -= 1
            }
        }
    }

    private let call = UpstreamCall(.get, "/usage")

    @Test("retries and redirects require permits too") func retries() async throws {
        let responses: [ScriptedResponse] = [
            .status(502), .status(307, headers: [("Location", "/usage/")]), .text(200, "[1]"),
        ]
        try await LoopbackServer.run(responses) { server in
            try await TestBench.run { bench in
                let book = Book(permits: 5)
                _ = try await bench.client(UpstreamSettings(baseURL: server.url)).send(call.permitted(by: book.take))
                #expect(server.requests.count == 3)
                #expect(book.left == 2)
            }
        }
    }

    @Test("without a permit, no request is sent") func noPermit() async throws {
        try await LoopbackServer.run([.text(200, "[1]")]) { server in
            try await TestBench.run { bench in
                let client = bench.client(try UpstreamSettings(baseURL: server.url))
                await #expect(throws: SyncPostponed.self) {
                    _ = try await client.send(call.permitted(by: Book(permits: 0).take))
                }
                #expect(server.requests.isEmpty)
            }
        }
    }

    @Test("without a permit for a retry, the original failure is thrown") func noPermitForRetry() async throws {
        try await LoopbackServer.run([.status(502)]) { server in
            try await TestBench.run { bench in
                let permitted = call.permitted(by: Book(permits: 2).take)
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url), permitted)
                #expect(failure.reason == .http5xx)
                #expect(server.requests.count == 2)
            }
        }
    }
}
