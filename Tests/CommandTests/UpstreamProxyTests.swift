import Foundation
import NIOCore
import NIOPosix
import TestSupport
import Testing

/// Tests requests to providers through a real proxy that requires a password.
@Suite struct UpstreamProxyTests {
    private func once(_ account: SimulatedAccount, _ environment: [String: String] = [:]) async throws
        -> ExporterProcess.Outcome
    {
        try await ExporterProcess.run(
            ["once", "--log.level", "debug", "--config.file", account.configFile, "--storage.path", account.storage],
            environment: account.environment.merging(environment) { $1 })
    }

    private func add(_ lines: String, to account: SimulatedAccount) throws {
        let text = try String(contentsOfFile: account.configFile, encoding: .utf8)
        try (text + "\n" + lines).write(toFile: account.configFile, atomically: true, encoding: .utf8)
    }

    @Test("an account's proxy gets its password", arguments: [true, false])
    func accountProxy(isInFile: Bool) async throws {
        try await ProxyProcess.run { proxy in
            try await SimulatedAccount.run { account in
                let user = ProxyProcess.user
                if isInFile {
                    try ProxyProcess.password.write(
                        toFile: account.folder + "/password", atomically: true, encoding: .utf8)
                    try add(
                        "    proxy: http://\(user)@127.0.0.1:\(proxy.port)\n    proxy_password_file: password",
                        to: account)
                } else {
                    try add("    proxy: http://\(user):\(ProxyProcess.password)@127.0.0.1:\(proxy.port)", to: account)
                }
                let outcome = try await once(account)
                #expect(outcome.status == 0, "\(outcome.errors)")
                #expect(try Scrape(Array(outcome.output.utf8)).value("genai_balance_usd") == 100)
                #expect(proxy.log.contains("CONNECT"))
                let encoded = Data("\(user):\(ProxyProcess.password)".utf8).base64EncodedString()
                for secret in [ProxyProcess.password, encoded] {
                    #expect(!outcome.errors.contains(secret) && !outcome.output.contains(secret))
                }
            }
        }
    }

    @Test("the environment sets the proxy and the hosts without it") func environmentProxy() async throws {
        let dropped = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { $0.close() }.bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(dropped.localAddress?.port)
        try await ProxyProcess.run { proxy in
            try await SimulatedAccount.run { account in
                let text = try String(contentsOfFile: account.configFile, encoding: .utf8)
                try text.replacing(/base_url: \S+/, with: "base_url: https://127.0.0.1:\(port)")
                    .write(toFile: account.configFile, atomically: true, encoding: .utf8)
                let address = "http://\(ProxyProcess.user):\(ProxyProcess.password)@127.0.0.1:\(proxy.port)"
                let through = try await once(account, ["HTTPS_PROXY": address])
                #expect(through.status == 1)
                #expect(through.errors.contains("through the proxy 127.0.0.1:\(proxy.port)"))
                #expect(!through.errors.contains(ProxyProcess.password))
                #expect(proxy.log.contains("CONNECT 127.0.0.1:\(port)"))
                let direct = try await once(account, ["HTTPS_PROXY": address, "NO_PROXY": "example.com,127.0.0.1"])
                #expect(direct.status == 1)
                #expect(!direct.errors.contains("through the proxy"))
            }
        }
        try await dropped.close()
    }
}
