import Testing
import Upstream
import UsageModel

@Suite struct RedirectTests {
    private static func redirect(_ location: String, status: Int = 302) -> ScriptedResponse {
        .status(status, headers: [("Location", location)])
    }

    @Test("A redirect within the origin is followed with the key", arguments: [301, 302, 303, 307, 308])
    func sameHost(status: Int) async throws {
        try await LoopbackServer.run([Self.redirect("/v2/usage?a=b%20c#x", status: status), .text(200, "[1]")]) {
            server in
            try await TestBench.run { bench in
                let client = bench.client(try UpstreamSettings(baseURL: server.url))
                let response = try await client.send(UpstreamCall(.get, "/usage"))
                #expect(response.body == Array("[1]".utf8))
                #expect(server.requests.map(\.target) == ["/usage", "/v2/usage?a=b%20c"])
                #expect(server.requests.last?.header("Authorization") == "Bearer \(TestBench.key)")
            }
        }
    }

    @Test("A relative redirect is resolved against the redirected URL")
    func relative() async throws {
        try await LoopbackServer.run([Self.redirect("list"), .text(200, "[1]")]) { server in
            try await TestBench.run { bench in
                _ = try await bench.client(UpstreamSettings(baseURL: server.url + "/x")).send(
                    UpstreamCall(.get, "/a/b"))
                #expect(server.requests.map(\.target) == ["/x/a/b", "/x/a/list"])
            }
        }
    }

    @Test("The key is never sent to another host, port or scheme")
    func otherOrigin() async throws {
        try await LoopbackServer.run([.text(200, "[1]")]) { other in
            let locations = [
                "\(other.url)/usage?token=hunter2", "http://localhost:\(other.port)/", "//127.0.0.1:\(other.port)/",
                "https://127.0.0.1:\(other.port)/", "http://evil:pw@127.0.0.1:\(other.port)/", "ftp://127.0.0.1/", "",
            ]
            for location in locations {
                try await LoopbackServer.run([Self.redirect(location)]) { server in
                    try await TestBench.run { bench in
                        let failure = try await bench.failure(UpstreamSettings(baseURL: server.url))
                        #expect(failure.reason == .http4xx)
                        #expect(!failure.message.contains("hunter2"))
                        #expect(server.requests.count <= 4)
                    }
                }
            }
            #expect(other.requests.isEmpty)
            try await LoopbackServer.run([Self.redirect(locations[0])]) { server in
                try await TestBench.run { bench in
                    let failure = try await bench.failure(UpstreamSettings(baseURL: server.url))
                    #expect(failure.message.contains("redirects to \(other.url)"))
                }
            }
        }
    }

    @Test("A redirect loop ends after three redirects")
    func circle() async throws {
        try await LoopbackServer.run([Self.redirect("/usage")]) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url))
                #expect(failure.reason == .http4xx)
                #expect(failure.message.contains("more than 3 redirects"))
                #expect(server.requests.count == 4)
            }
        }
    }

    @Test("A redirected POST is not followed")
    func post() async throws {
        try await LoopbackServer.run([Self.redirect("/elsewhere")]) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(
                    UpstreamSettings(baseURL: server.url), UpstreamCall(.post, "/query", jsonBody: Array("{}".utf8)))
                #expect(failure.message.contains("redirects a POST"))
                #expect(server.requests.count == 1)
            }
        }
    }
}
