import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing
import UsageModel

@testable import Upstream

@Suite struct ProxyTests {
    @Test("Requests use an authenticated proxy, with and without TLS", arguments: [false, true])
    func password(tls: Bool) async throws {
        try await ProxyProcess.run { proxy in
            try await TestCertificate.withFile { file in
                try await LoopbackServer.run([.text(200, "{}")], tls: tls) { server in
                    try await TestBench.run { bench in
                        let address =
                            "http://\(ProxyProcess.user):\(ProxyProcess.password)@127.0.0.1:\(proxy.port)"
                        let settings = try UpstreamSettings(
                            baseURL: tls ? "https://localhost:\(server.port)" : server.url,
                            proxy: ProxyServer(address), certificateAuthorityFile: file)
                        #expect(try await bench.client(settings).send(UpstreamCall(.get, "/")).status == 200)
                        #expect(proxy.log.contains("CONNECT"))
                        #expect(server.requests.first?.header("Proxy-Authorization") == nil)
                    }
                }
            }
        }
    }

    @Test("A proxy's password is read again from its file, and a wrong one does not appear in messages")
    func passwordFile() async throws {
        try await ProxyProcess.run { proxy in
            try await LoopbackServer.run([.text(200, "{}")]) { server in
                try await TestBench.run { bench in
                    let password = NIOLockedValueBox("wrong-password")
                    let address = "http://\(ProxyProcess.user)@127.0.0.1:\(proxy.port)"
                    let settings = try UpstreamSettings(
                        baseURL: server.url, maximumRetries: 0,
                        proxy: ProxyServer(address).passwordRead(from: "/run/password") {
                            password.withLockedValue { $0 }
                        })
                    let failure = try await bench.failure(settings)
                    #expect(failure.reason == .network)
                    #expect(failure.message.contains("user name and password"))
                    #expect(!failure.message.contains("wrong-password"))
                    password.withLockedValue { $0 = ProxyProcess.password }
                    #expect(try await bench.client(settings).send(UpstreamCall(.get, "/")).status == 200)
                    #expect(bench.connections.poolCount == 1)
                }
            }
        }
    }

    @Test(
        "HTTPS_PROXY applies to HTTPS, and NO_PROXY lists exceptions",
        arguments: [
            ([:], "https://api.example.com", String?.none),
            (["HTTPS_PROXY": ""], "https://api.example.com", nil),
            (["HTTPS_PROXY": "http://a:1"], "https://api.example.com", "a:1"),
            (["HTTPS_PROXY": "http://a:1"], "http://api.example.com", nil),
            (["HTTPS_PROXY": "a:1"], "https://api.example.com", "a:1"),
            (["HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:2"], "https://api.example.com", "b:2"),
            (["HTTPS_PROXY": "http://a:1", "NO_PROXY": "example.com"], "https://api.example.com", nil),
            (["HTTPS_PROXY": "http://a:1", "NO_PROXY": ".Example.com"], "https://example.com", nil),
            (["HTTPS_PROXY": "http://a:1", "NO_PROXY": "x, api.example.com"], "https://api.example.com", nil),
            (["HTTPS_PROXY": "http://a:1", "NO_PROXY": "ample.com"], "https://api.example.com", "a:1"),
            (["HTTPS_PROXY": "http://a:1", "NO_PROXY": "api"], "https://api.example.com", "a:1"),
            (["HTTPS_PROXY": "http://a:1", "NO_PROXY": "*"], "https://api.example.com", nil),
            (["HTTPS_PROXY": "http://a:1", "NO_PROXY": "x", "no_proxy": "com"], "https://api.example.com", nil),
            (["HTTPS_PROXY": "http://a:1", "NO_PROXY": "127.0.0.1,::1"], "https://[::1]:8443", nil),
        ])
    func environment(variables: [String: String], address: String, proxy: String?) throws {
        let chosen = try ProxyEnvironment(variables).proxy(for: BaseURL(address))
        #expect(chosen.map { "\($0)" } == proxy)
    }

    @Test("The message of an invalid proxy variable contains its name, not its value")
    func wrongVariable() throws {
        let environment = ProxyEnvironment(["https_proxy": "socks5://me:hunter2@proxy:1080"])
        let error = #expect(throws: InvalidUpstreamSetting.self) {
            try environment.proxy(for: BaseURL("https://api.example.com"))
        }
        #expect(error?.message.contains("https_proxy") == true)
        #expect(error?.message.contains("hunter2") == false)
    }
}
