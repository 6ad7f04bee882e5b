import NIOConcurrencyHelpers
import Testing
import Upstream
import UsageModel

/// Calls to an endpoint that limits its readers: each request is asked for before it leaves.
@Suite struct PermitTests {
    private final class Book: Sendable {
        private let places: NIOLockedValueBox<Int>
        init(places: Int) { self.places = NIOLockedValueBox(places) }
        var left: Int { places.withLockedValue { $0 } }

        @Sendable func take() async throws {
            try places.withLockedValue { places in
                guard places > 0 else { throw SyncPostponed(until: Timestamp(seconds: 0)) }
                places -= 1
            }
        }
    }

    private let call = UpstreamCall(.get, "/usage")

    @Test func repeatsAndRedirectsAreAskedForToo() async throws {
        let answers: [ScriptedResponse] = [
            .status(502), .status(307, headers: [("Location", "/usage/")]), .text(200, "[1]"),
        ]
        try await LoopbackServer.run(answers) { server in
            try await TestBench.run { bench in
                let book = Book(places: 5)
                _ = try await bench.client(UpstreamSettings(baseURL: server.url)).send(call.permitted(by: book.take))
                #expect(server.requests.count == 3)
                #expect(book.left == 2)
            }
        }
    }

    @Test func withoutAPlaceNothingLeaves() async throws {
        try await LoopbackServer.run([.text(200, "[1]")]) { server in
            try await TestBench.run { bench in
                let client = bench.client(try UpstreamSettings(baseURL: server.url))
                await #expect(throws: SyncPostponed.self) {
                    _ = try await client.send(call.permitted(by: Book(places: 0).take))
                }
                #expect(server.requests.isEmpty)
            }
        }
    }

    @Test func withoutAPlaceForARepeatTheFailureItWasForIsTold() async throws {
        try await LoopbackServer.run([.status(502)]) { server in
            try await TestBench.run { bench in
                let permitted = call.permitted(by: Book(places: 2).take)
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url), permitted)
                #expect(failure.reason == .http5xx)
                #expect(server.requests.count == 2)
            }
        }
    }
}
