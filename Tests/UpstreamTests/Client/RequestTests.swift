import Testing
import Upstream

@Suite struct RequestTests {
    @Test("A GET request has Authorization, Accept and User-Agent headers")
    func get() async throws {
        try await LoopbackServer.run([.text(200, #"{"ok":true}"#, headers: [("X-Seen", "1")])]) { server in
            try await TestBench.run { bench in
                let settings = try UpstreamSettings(baseURL: server.url + "/prefix", version: "1.2.3")
                let response = try await bench.client(settings).send(
                    UpstreamCall(.get, "/keys/a b", query: [("from", "2026-01-01T00:00:00+00:00")]))
                #expect(response.status == 200)
                #expect(response.headers.first(name: "x-seen") == "1")
                #expect(String(decoding: response.body, as: UTF8.self) == #"{"ok":true}"#)
                let request = try #require(server.requests.first)
                #expect(request.method == "GET")
                #expect(request.target == "/prefix/keys/a%20b?from=2026-01-01T00%3A00%3A00%2B00%3A00")
                #expect(request.header("Authorization") == "Bearer \(TestBench.key)")
                #expect(request.header("Accept") == "application/json")
                #expect(request.header("User-Agent") == "genai-usage-exporter/1.2.3")
                #expect(request.header("Host") == "127.0.0.1:\(server.port)")
                #expect(request.header("Accept-Encoding")?.contains("gzip") == true)
            }
        }
    }

    @Test("A POST request has its JSON body, also in a retry")
    func post() async throws {
        try await LoopbackServer.run([.status(503), .text(200, "{}")]) { server in
            try await TestBench.run { bench in
                let call = UpstreamCall(.post, "/query", jsonBody: Array(#"{"a":1}"#.utf8))
                _ = try await bench.client(UpstreamSettings(baseURL: server.url)).send(call)
                #expect(server.requests.map(\.method) == ["POST", "POST"])
                #expect(server.requests.map { String(decoding: $0.body, as: UTF8.self) } == [#"{"a":1}"#, #"{"a":1}"#])
                #expect(server.requests.first?.header("Content-Type") == "application/json")
            }
        }
    }

    @Test("An unauthenticated call does not send the key")
    func unauthenticated() async throws {
        try await LoopbackServer.run([.text(200, "{}")]) { server in
            try await TestBench.run { bench in
                let settings = try UpstreamSettings(baseURL: server.url)
                _ = try await bench.client(settings).send(UpstreamCall(.get, "/models", authenticated: false))
                _ = try await bench.client(settings, credential: nil).send(UpstreamCall(.get, "/models"))
                #expect(server.requests.map { $0.header("Authorization") } == [nil, nil])
            }
        }
    }

    @Test("A call can name the field of the key and add fields; the key is not in failures, and not sent without need")
    func namedField() async throws {
        let echo = ScriptedResponse.text(
            403, #"{"error":{"message":"x-api-key \#(TestBench.key) is not allowed"}}"#,
            headers: [("x-api-key", TestBench.key), ("Content-Type", "application/json")])
        try await LoopbackServer.run([.status(302, headers: [("Location", "/moved")]), echo, .text(200, "{}")]) {
            server in
            try await TestBench.run { bench in
                let client = bench.client(try UpstreamSettings(baseURL: server.url))
                let call = UpstreamCall(.get, "/usage").sending(["api-version": "7"], credentialIn: .named("x-api-key"))
                let failure = try await #require(throws: UpstreamFailure.self) { try await client.send(call) }
                #expect(server.requests.map { $0.header("x-api-key") } == [TestBench.key, TestBench.key])
                #expect(server.requests.map { $0.header("Authorization") } == [nil, nil])
                #expect(server.requests.map { $0.header("api-version") } == ["7", "7"])
                var dumped = ""
                dump(failure, to: &dumped)
                #expect(!dumped.contains(TestBench.key))
                let open = UpstreamCall(.get, "/", authenticated: false)
                    .sending([:], credentialIn: .named("x-api-key"))
                _ = try await client.send(open)
                #expect(server.requests.last?.header("x-api-key") == nil)
            }
        }
    }

    @Test("The key is read for each call, and each key has its own client")
    func rotation() async throws {
        let keys = KeyRing(["first", "second"])
        try await LoopbackServer.run([.text(200, "{}")]) { server in
            try await TestBench.run { bench in
                let client = bench.client(
                    try UpstreamSettings(baseURL: server.url), credential: Credential { keys.next() })
                _ = try await client.send(UpstreamCall(.get, "/"))
                _ = try await client.send(UpstreamCall(.get, "/"))
                _ = try await client.authenticated(with: Credential(literal: "other")).send(UpstreamCall(.get, "/"))
                #expect(
                    server.requests.map { $0.header("Authorization") } == [
                        "Bearer first", "Bearer second", "Bearer other",
                    ])
            }
        }
    }

    @Test("Logs contain the path, and never the query, the body or the key")
    func logs() async throws {
        try await LoopbackServer.run([.status(500), .text(200, #"{"answer":"body-text"}"#)]) { server in
            try await TestBench.run { bench in
                let call = UpstreamCall(
                    .post, "/usage", query: [("user", "query-text")], jsonBody: Array(#"{"x":"sent-text"}"#.utf8))
                _ = try await bench.client(try UpstreamSettings(baseURL: server.url)).send(call)
                let lines = bench.log.all
                #expect(lines.contains { $0.contains("/usage") && $0.contains("200") })
                for line in lines {
                    #expect(line.hasPrefix("debug") || line.hasPrefix("trace"))
                    for secret in [TestBench.key, "query-text", "body-text", "sent-text"] {
                        #expect(!line.contains(secret))
                    }
                }
            }
        }
    }

    @Test("Each HTTP request is counted with its status")
    func counted() async throws {
        try await LoopbackServer.run([.status(502), .hangUp, .text(200, "{}")]) { server in
            try await TestBench.run { bench in
                _ = try await bench.client(try UpstreamSettings(baseURL: server.url)).send(UpstreamCall(.get, "/"))
                #expect(bench.observer.codes == [502, nil, 200])
                #expect(bench.observer.retries == 2)
                #expect(bench.observer.durations.allSatisfy { $0 > .zero && $0 < .seconds(20) })
            }
        }
    }
}
