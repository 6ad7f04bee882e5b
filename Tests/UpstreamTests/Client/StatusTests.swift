import Foundation
import Testing
import Upstream
import UsageModel

@Suite struct StatusTests {
    @Test(
        "Each status has its reason, and only transient ones are retried",
        arguments: [
            (400, FailureReason.http4xx, 1), (401, .auth, 1), (402, .auth, 1), (403, .auth, 1), (404, .http4xx, 1),
            (408, .timeout, 5), (410, .gone, 1), (418, .http4xx, 1), (429, .rateLimited, 5), (500, .http5xx, 5),
            (501, .http5xx, 1), (502, .http5xx, 5), (503, .http5xx, 5), (504, .http5xx, 5), (304, .http4xx, 1),
        ])
    func reasons(status: Int, reason: FailureReason, attempts: Int) async throws {
        try await LoopbackServer.run([.status(status)]) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url))
                #expect(failure.reason == reason)
                #expect(failure.status == status)
                #expect(failure.message.contains("GET /usage at http://127.0.0.1"))
                #expect(failure.message.contains("\(status)"))
                #expect(server.requests.count == attempts)
            }
        }
    }

    @Test(
        "A page of a firewall or bot check is a transient failure, not an auth failure", arguments: [401, 403],
        [("<!DOCTYPE html><title>Just a moment...</title>", "text/html"), ("error code: 1020", "text/plain")])
    func challengePage(status: Int, page: (body: String, type: String)) async throws {
        try await LoopbackServer.run([.text(status, page.body, headers: [("Content-Type", page.type)])]) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url))
                #expect(failure.reason == .http4xx)
                #expect(!failure.isLasting)
                #expect(failure.message.contains("HTTP \(status)"))
                #expect(failure.message.contains("firewall or bot check"))
                #expect(server.requests.count == 1)
            }
        }
    }

    @Test(
        "404 names a path that base_url and the call both have",
        arguments: [("/v1", "/v1/usage", true), ("/api", "/v1/usage", false), ("", "/v1/usage", false)])
    func repeatedPath(base: String, path: String, isNamed: Bool) async throws {
        try await LoopbackServer.run([.status(404)]) { server in
            try await TestBench.run { bench in
                let settings = try UpstreamSettings(baseURL: server.url + base)
                let message = try await bench.failure(settings, UpstreamCall(.get, path)).message
                #expect(message.contains("base_url ends in /v1, with which the path begins too") == isNamed)
            }
        }
    }

    @Test("A response that cannot be decoded names its request, without the query")
    func undecodable() async throws {
        try await LoopbackServer.run([.text(200, #"{"cost": "much"}"#)]) { server in
            try await TestBench.run { bench in
                let client = bench.client(try UpstreamSettings(baseURL: server.url + "/api"))
                let response = try await client.send(UpstreamCall(.get, "/usage", query: [("key", "a")]))
                let failure = #expect(throws: SourceFailure.self) {
                    try JSONBody.decode([String: LenientDecimal].self, from: response)
                }
                #expect(failure?.message == "GET /api/usage: cost: expected a number, found non-numeric text")
            }
        }
    }

    @Test("A query of which less can be requested is not sent again after a timeout", arguments: [408, 503])
    func splitAfterTimeout(status: Int) async throws {
        try await LoopbackServer.run([.status(status)]) { server in
            try await TestBench.run { bench in
                let call = UpstreamCall(.post, "/query", jsonBody: Array("{}".utf8)).splitAfterTimeout
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url), call)
                #expect(failure.reason == (status == 408 ? .timeout : .http5xx))
                #expect(server.requests.count == (status == 408 ? 1 : 5))
            }
        }
    }

    @Test("An API's own meaning of a status is applied")
    func meaning() async throws {
        try await LoopbackServer.run([.text(596, #"{"error":"session"}"#)]) { server in
            try await TestBench.run { bench in
                let call = UpstreamCall(.get, "/").explained(by: [596: StatusMeaning(.auth, "connect it again")])
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url), call)
                #expect(failure.reason == .auth)
                #expect(failure.isLasting)
                #expect(failure.message.contains("HTTP 596: connect it again; the API says: session"))
            }
        }
    }

    @Test("A transient failure is not visible to the caller", arguments: [408, 429, 500, 502, 503, 504])
    func recovery(status: Int) async throws {
        try await LoopbackServer.run([.status(status), .status(status), .text(200, "[1]")]) { server in
            try await TestBench.run { bench in
                let client = bench.client(try UpstreamSettings(baseURL: server.url))
                #expect(try await client.send(UpstreamCall(.get, "/")).body == Array("[1]".utf8))
                #expect(bench.clock.slept == [.milliseconds(250), .milliseconds(500)])
            }
        }
    }

    @Test(
        "The wait follows Retry-After in both forms",
        arguments: ["7", "Thu, 20 Nov 2025 12:00:07 GMT", "Thursday, 20-Nov-25 12:00:07 GMT"])
    func retryAfter(value: String) async throws {
        try await LoopbackServer.run([.status(429, headers: [("Retry-After", value)]), .text(200, "[1]")]) { server in
            try await TestBench.run { bench in
                _ = try await bench.client(UpstreamSettings(baseURL: server.url)).send(UpstreamCall(.get, "/"))
                #expect(bench.clock.slept == [.seconds(7)])
            }
        }
    }

    @Test("A long Retry-After ends the call at once and is returned to the scheduler", arguments: [429, 503])
    func longRetryAfter(status: Int) async throws {
        try await LoopbackServer.run([.status(status, headers: [("Retry-After", "3600")])]) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url))
                #expect(failure.retryAfter == .seconds(3600))
                #expect(failure.headers?.first(name: "retry-after") == "3600")
                #expect(server.requests.count == 1)
                #expect(bench.clock.slept.isEmpty)
            }
        }
    }

    @Test(
        "The API's own error message is reported in each of its forms",
        arguments: [
            (#"{"message":"No  such\n\u0007key"}"#, "No such key"),
            (#"{"error":"bad_scope"}"#, "bad_scope"),
            (#"{"error":{"code":4,"message":"nested"}}"#, "nested"),
            (#"{"error":"short","message":"long"}"#, "long"),
            (#"{"detail":"explained"}"#, "explained"),
            (#"{"errors":[{"message":"first"},{"message":"second"}]}"#, "first"),
            (#""a bare text""#, "a bare text"),
        ])
    func apiMessage(body: String, expected: String) async throws {
        try await LoopbackServer.run([.text(403, body)]) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url))
                #expect(failure.apiMessage == expected)
                #expect(failure.message.contains(expected))
            }
        }
    }

    @Test(
        "An error body without a message is ignored",
        arguments: ["", "{", "[]", "{}", #"{"message":7}"#, #"{"error":null}"#, "\u{0}", "<html>no</html>"])
    func noAPIMessage(body: String) async throws {
        try await LoopbackServer.run([.text(400, body)]) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url))
                #expect(failure.status == 400)
                #expect(failure.apiMessage == nil)
            }
        }
    }

    @Test("A deeply nested error body does not crash", arguments: [100, 500, 5000])
    func nestedErrorBody(depth: Int) async throws {
        let body =
            String(repeating: #"{"error":"#, count: depth) + #""deep""# + String(repeating: "}", count: depth)
        try await LoopbackServer.run([.text(400, body)]) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url))
                #expect(failure.apiMessage == (depth <= 500 ? "deep" : nil))
            }
        }
    }

    @Test("A long API message is truncated, and only the start of a huge error body is read")
    func longAPIMessage() async throws {
        let long = #"{"message":"\#(String(repeating: "x", count: 5000))"}"#
        let endless = ScriptedResponse(steps: [
            .send(ScriptedResponse.head(400, [])), .sendForever(Array(repeating: UInt8(ascii: "x"), count: 8192)),
        ])
        try await LoopbackServer.run([.text(400, long), endless]) { server in
            try await TestBench.run { bench in
                let settings = try UpstreamSettings(baseURL: server.url)
                #expect(try await bench.failure(settings).apiMessage?.count == 200)
                let failure = try await bench.failure(settings)
                #expect(failure.reason == .http4xx)
                #expect(failure.apiMessage == nil)
            }
        }
    }

    @Test("The key never appears in a failure, even if the API repeats it")
    func keyIsRedacted() async throws {
        let key = TestBench.key
        let padding = String(repeating: "x", count: 190)
        let responses: [ScriptedResponse] = [
            .text(401, #"{"message":"unknown key \#(key)!"}"#),
            .text(401, #"{"message":"\#(padding) \#(key)"}"#),
            .text(404, "{}", headers: [("X-Echo", "Bearer \(key)"), ("Content-Type", "application/json")]),
            .text(401, #"{"message":"got \#(Data("x:\(key)".utf8).base64EncodedString())"}"#),
            .status(301, headers: [("Location", "https://\(key).example.com/\(key)")]),
            .text(200, "<html>\(key)</html>"),
        ]
        for response in responses {
            try await LoopbackServer.run([response]) { server in
                try await TestBench.run { bench in
                    let failure = try await bench.failure(UpstreamSettings(baseURL: server.url))
                    var dumped = ""
                    dump(failure, to: &dumped)
                    for text in [failure.message, "\(failure)", String(reflecting: failure), dumped] {
                        #expect(!text.contains(key))
                        #expect(!text.contains(key.prefix(9)))
                    }
                }
            }
        }
    }
}
