import Foundation
import NIOCore
import NIOPosix
import ProviderSimulator
import TestSupport
import Testing
import UsageModel

/// A real Prometheus scrapes the exporter: what it computes is what was spent.
@Suite struct PrometheusTests {
    private struct Series: Decodable {
        /// The sample's time, then its value as text.
        enum Part: Decodable {
            case time(Double)
            case value(String)

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let time = try? container.decode(Double.self) {
                    self = .time(time)
                } else {
                    self = .value(try container.decode(String.self))
                }
            }
        }

        let metric: [String: String]
        let value: [Part]
    }

    /// An instant query by promtool, which speaks to Prometheus as any client does.
    private func query(_ expression: String, at address: String) throws -> [[String: String]: Double] {
        let outcome = try Tool.promtool().run(["query", "instant", "-o", "json", "http://\(address)", expression])
        guard outcome.status == 0 else { return [:] }
        let series = try JSONDecoder().decode([Series].self, from: Data(outcome.output.utf8))
        return Dictionary(
            series.compactMap { series in
                guard case .value(let text)? = series.value.last, let value = Double(text) else { return nil }
                return (series.metric, value)
            }, uniquingKeysWith: { $1 })
    }

    /// A running Prometheus and its address.
    private func launch(_ configuration: String, in folder: String) throws -> (Process, address: String) {
        let file = folder + "/prometheus.yml"
        try configuration.write(toFile: file, atomically: true, encoding: .utf8)
        let address = "127.0.0.1:\(try freePort())"
        let prometheus = try Tool(named: "prometheus", installation: "apt-get install prometheus").process([
            "--config.file", file, "--storage.tsdb.path", folder + "/tsdb", "--web.listen-address", address,
            "--log.level", "error",
        ])
        try prometheus.run()
        return (prometheus, address)
    }

    private func wait(until isTrue: () throws -> Bool) async throws {
        while try !isTrue() { try await Task.sleep(for: .milliseconds(200)) }
    }

    @Test(.timeLimit(.minutes(3))) func scrapesOverTLSWithAPasswordAndAClientCertificate() async throws {
        let toolkit = WebConfigTests.toolkit
        try await SimulatedAccount.run { account in
            let file = account.folder + "/web.yml"
            try """
            tls_server_config:
              cert_file: \(toolkit)/server.crt
              key_file: \(toolkit)/server.key
              client_auth_type: RequireAndVerifyClientCert
              client_ca_file: \(toolkit)/client_selfsigned.pem
            basic_auth_users:
              dave: $2y$10$2UXri9cIDdgeKjBo4Rlpx.U3ZLDV8X1IxKmsfOvhcM5oXQt/mLmXq
            """.write(toFile: file, atomically: true, encoding: .utf8)
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.config.file", file], environment: account.environment)
            func job(_ name: String, password: String, certificate: String) -> String {
                """
                  - job_name: \(name)
                    scheme: https
                    basic_auth: { username: dave, password: \(password) }
                    tls_config:
                      ca_file: \(toolkit)/tls-ca-chain.pem
                      server_name: localhost
                      cert_file: \(toolkit)/\(certificate).pem
                      key_file: \(toolkit)/\(certificate).key
                    static_configs: [{ targets: ["\(exporter.address)"] }]
                """
            }
            let (prometheus, address) = try launch(
                """
                global: { scrape_interval: 1s }
                scrape_configs:
                \(job("good", password: "dave123", certificate: "client_selfsigned"))
                \(job("wrong-password", password: "dave1234", certificate: "client_selfsigned"))
                \(job("wrong-certificate", password: "dave123", certificate: "client2_selfsigned"))
                """, in: account.folder)
            defer {
                prometheus.terminate()
                prometheus.waitUntilExit()
            }
            let verdicts = "min_over_time(up[10s]) == bool 1 and count_over_time(up[10s]) >= 2"
            try await wait { try query(verdicts, at: address).count == 3 }
            let up = try query("up", at: address)
            #expect(
                Dictionary(uniqueKeysWithValues: up.map { ($0.key["job"] ?? "", $0.value) })
                    == ["good": 1, "wrong-password": 0, "wrong-certificate": 0])
            #expect(try query("genai_exporter_accounts{job=\"good\"} == 1", at: address).count == 1)
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    @Test(.timeLimit(.minutes(5))) func increaseIsWhatWasSpent() async throws {
        try await SimulatedAccount.run(interval: "300ms") { account in
            let model = "wavespeed-ai/flux-dev"
            let start = RealClock().now
            account.events.add([
                UsageEvent(time: start - .hours(2), model: model, unitPrice: .zero, cost: ExactDecimal(420))
            ])
            let exporter = try await ExporterProcess.start(account.serveArguments, environment: account.environment)
            let demo = try await ExporterProcess.start(["demo"])
            let configuration = """
                global: { scrape_interval: 1s }
                scrape_configs:
                  - job_name: genai
                    static_configs: [{ targets: ["\(exporter.address)"] }]
                  - job_name: demo
                    static_configs: [{ targets: ["\(demo.address)"] }]
                  - job_name: probes
                    http_sd_configs: [{ url: "http://\(demo.address)/sd", refresh_interval: 1s }]
                """
            let (prometheus, address) = try launch(configuration, in: account.folder)
            defer {
                prometheus.terminate()
                prometheus.waitUntilExit()
            }
            let cost = "genai_cost_usd_total{job=\"genai\"}"
            try await wait { try query("count_over_time(\(cost)[1m]) >= 5", at: address).count == 1 }
            account.events.add([
                UsageEvent(time: RealClock().now, model: model, unitPrice: .zero, cost: ExactDecimal(3))
            ])
            try await wait { try query("\(cost) == 423", at: address).count == 1 }
            let samples = "count_over_time(\(cost)[1m])"
            let before = try #require(try query(samples, at: address).values.first)
            try await wait { try (query(samples, at: address).values.first ?? 0) >= before + 10 }
            // Prometheus extrapolates by at most half a scrape interval at either end of what it has.
            let increase = try #require(try query("increase(\(cost)[1m])", at: address).values.first)
            #expect((3.0...3.4).contains(increase), "\(increase)")
            let exact = try query("max_over_time(\(cost)[1m]) - min_over_time(\(cost)[1m])", at: address)
            #expect(exact.values.first == 3)
            try await wait { try query("up{job=\"demo\"} == 1", at: address).count == 1 }
            let byModel = "count by (model) (genai_cost_usd_total{job=\"demo\"})"
            try await wait { try query(byModel, at: address).count >= 5 }
            // Discovered by /sd: every account is a target of its own, and together they are the whole.
            try await wait { try query("count(up{job=\"probes\"} == 1) == 6", at: address).count == 1 }
            let accounts = "count by (account) (genai_cost_usd_total{job=\"probes\"})"
            let whole = "count by (account) (genai_cost_usd_total{job=\"demo\"})"
            try await wait {
                let expected = try query(whole, at: address)
                return try expected.count >= 5 && query(accounts, at: address) == expected
            }
            for process in [exporter, demo] {
                process.signal(SIGTERM)
                #expect(try await process.waitForExit() == 0)
            }
        }
    }
}

/// A port that was free a moment ago, for a program that cannot say which one it took.
private func freePort() throws -> Int {
    let channel = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .bind(host: "127.0.0.1", port: 0).wait()
    defer { try? channel.close().wait() }
    return try #require(channel.localAddress?.port)
}
