import NIOCore
import NIOPosix
import Testing
import Upstream
import UsageModel

@Suite struct NetworkFaultTests {
    private static func closedPort() async throws -> Int {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = channel.localAddress?.port ?? 0
        try await channel.close()
        return port
    }

    @Test("A refused connection is a network failure, after the retries")
    func refused() async throws {
        let port = try await Self.closedPort()
        try await TestBench.run { bench in
            let failure = try await bench.failure(UpstreamSettings(baseURL: "http://127.0.0.1:\(port)"))
            #expect(failure.reason == .network)
            #expect(failure.status == nil)
            #expect(failure.message.contains("connection refused"))
            #expect(bench.observer.codes == [nil, nil, nil, nil, nil])
            #expect(bench.clock.slept == [250, 500, 1000, 2000].map { .milliseconds($0) })
        }
    }

    @Test("The message of an unknown host name names DNS")
    func unknownHost() async throws {
        try await TestBench.run { bench in
            let failure = try await bench.failure(
                UpstreamSettings(baseURL: "http://no-such-host.invalid", maximumRetries: 0))
            #expect(failure.reason == .network)
            #expect(failure.message.contains("cannot be resolved (DNS)"))
        }
    }

    @Test("The message of TLS to a plain HTTP port names TLS and the port")
    func tlsToPlainPort() async throws {
        let plain = ScriptedResponse.text(200, "{}")
        try await LoopbackServer.run([plain]) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(
                    UpstreamSettings(baseURL: "https://127.0.0.1:\(server.port)", maximumRetries: 0))
                #expect(failure.reason == .network)
                #expect(failure.message.contains("TLS"))
                #expect(failure.message.contains("port"))
            }
        }
    }

    @Test("Plain HTTP to a TLS port is a network failure")
    func plainToTLSPort() async throws {
        try await LoopbackServer.run([.text(200, "{}")], tls: true) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url, maximumRetries: 0))
                #expect(failure.reason == .network)
                #expect(failure.message.contains("scheme") || failure.message.contains("closed"))
            }
        }
    }

    @Test("A certificate of an unknown authority is rejected without retries, and the message names ca_file")
    func untrustedCertificate() async throws {
        try await LoopbackServer.run([.text(200, "{}")], tls: true) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(UpstreamSettings(baseURL: "https://localhost:\(server.port)"))
                #expect(failure.reason == .network)
                #expect(failure.message.contains("certificate is not trusted"))
                #expect(failure.message.contains("ca_file"))
                #expect(server.requests.isEmpty)
                #expect(bench.clock.slept.isEmpty)
            }
        }
    }

    @Test("A certificate authority of ca_file is trusted, only for the certificate's host")
    func certificateAuthorityFile() async throws {
        try await TestCertificate.withFile { file in
            try await LoopbackServer.run([.text(200, "{}")], tls: true) { server in
                try await TestBench.run { bench in
                    let settings = try UpstreamSettings(
                        baseURL: "https://localhost:\(server.port)", certificateAuthorityFile: file)
                    #expect(try await bench.client(settings).send(UpstreamCall(.get, "/")).status == 200)
                    let otherName = try UpstreamSettings(
                        baseURL: "https://127.0.0.1:\(server.port)", certificateAuthorityFile: file)
                    let failure = try await bench.failure(otherName)
                    #expect(failure.reason == .network)
                    #expect(failure.message.contains("certificate is for another host"))
                }
            }
        }
    }

    @Test("The message names a ca_file that cannot be read")
    func missingCertificateAuthorityFile() async throws {
        try await TestBench.run { bench in
            let failure = try await bench.failure(
                UpstreamSettings(baseURL: "https://localhost:1", certificateAuthorityFile: "/no/such.pem"))
            #expect(failure.message.contains("ca_file /no/such.pem"))
        }
    }

    @Test("The message of a non-HTTP server names HTTP")
    func notHTTP() async throws {
        let greeting = ScriptedResponse(steps: [.send(Array("220 smtp.example.com ESMTP\r\n".utf8)), .close])
        try await LoopbackServer.run([greeting]) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url, maximumRetries: 0))
                #expect(failure.reason == .network)
                #expect(failure.message.contains("not HTTP"))
            }
        }
    }

    @Test("A server that sends no response is a timeout")
    func slowHead() async throws {
        try await LoopbackServer.run([.silence]) { server in
            try await TestBench.run { bench in
                let byRead = try await bench.failure(
                    UpstreamSettings(baseURL: server.url, readTimeout: .milliseconds(50), maximumRetries: 0))
                #expect(byRead.reason == .timeout)
                #expect(byRead.message.contains("no data received for 0.05 seconds"))
                let byDeadline = try await bench.failure(
                    UpstreamSettings(
                        baseURL: server.url, requestTimeout: .milliseconds(50), readTimeout: .seconds(60),
                        maximumRetries: 0))
                #expect(byDeadline.reason == .timeout)
                #expect(byDeadline.message.contains("no complete response within 0.05 seconds"))
            }
        }
    }

    @Test("A slow body ends with the request timeout")
    func slowBody() async throws {
        let dripping = ScriptedResponse(steps: [
            .send(ScriptedResponse.head(200, [("Content-Length", "100000")])),
            .drip(UInt8(ascii: " "), every: .milliseconds(5)),
        ])
        try await LoopbackServer.run([dripping]) { server in
            try await TestBench.run { bench in
                let start = ContinuousClock.now
                let failure = try await bench.failure(
                    UpstreamSettings(
                        baseURL: server.url, requestTimeout: .milliseconds(100), readTimeout: .seconds(60),
                        maximumRetries: 0))
                #expect(failure.reason == .timeout)
                #expect(failure.message.contains("no complete response within 0.1 seconds"))
                // The whole body would take 500 s; the limit allows for a busy machine.
                #expect(ContinuousClock.now - start < .seconds(60))
                #expect(bench.observer.codes == [nil])
            }
        }
    }

    @Test("A timeout is retried")
    func timeoutThenAnswer() async throws {
        try await LoopbackServer.run([.silence, .text(200, "{}")]) { server in
            try await TestBench.run { bench in
                let settings = try UpstreamSettings(
                    baseURL: server.url, readTimeout: .milliseconds(500))
                #expect(try await bench.client(settings).send(UpstreamCall(.get, "/")).status == 200)
                // A busy machine may need more than one retry; the first request never gets a response.
                #expect(bench.observer.codes.first == .some(nil))
                #expect(bench.observer.codes.last == 200)
            }
        }
    }

    @Test("A truncated body is a failure", arguments: [true, false])
    func cutBody(chunked: Bool) async throws {
        let head = chunked ? [("Transfer-Encoding", "chunked")] : [("Content-Length", "100")]
        let part = chunked ? "4\r\n[1,2\r\n" : "[1,2"
        let cut = ScriptedResponse(steps: [.send(ScriptedResponse.head(200, head) + Array(part.utf8)), .close])
        try await LoopbackServer.run([cut]) { server in
            try await TestBench.run { bench in
                let failure = try await bench.failure(UpstreamSettings(baseURL: server.url, maximumRetries: 1))
                #expect(failure.reason == .network)
                #expect(failure.message.contains("closed"))
                #expect(server.requests.count == 2)
            }
        }
    }

    @Test("The message names a proxy that refuses the connection")
    func proxyRefused() async throws {
        let port = try await Self.closedPort()
        try await TestBench.run { bench in
            let failure = try await bench.failure(
                UpstreamSettings(
                    baseURL: "https://api.example.com", maximumRetries: 0,
                    proxy: ProxyServer("http://me:hunter2@127.0.0.1:\(port)")))
            #expect(failure.reason == .network)
            #expect(failure.message.contains("through the proxy 127.0.0.1:\(port)"))
            #expect(!failure.message.contains("hunter2"))
        }
    }

    @Test("The message of a proxy that requires a password names proxy")
    func proxyAuthentication() async throws {
        try await LoopbackServer.run([.status(407)]) { proxy in
            try await TestBench.run { bench in
                let failure = try await bench.failure(
                    UpstreamSettings(
                        baseURL: "https://api.example.com", maximumRetries: 0,
                        proxy: ProxyServer("http://me:hunter2@127.0.0.1:\(proxy.port)")))
                #expect(failure.message.contains("check proxy"))
                #expect(proxy.requests.first?.method == "CONNECT")
                #expect(proxy.requests.first?.target == "api.example.com:443")
                #expect(proxy.requests.first?.header("Proxy-Authorization") == "Basic bWU6aHVudGVyMg==")
            }
        }
    }
}
