import Foundation
import ProviderSimulator
import TestSupport
import Testing
import UsageModel

/// Tests scrapes by a real Prometheus, and that its results are the amounts spent.
@Suite struct PrometheusTests {
    private func wait(until isTrue: () throws -> Bool) async throws {
        while try !isTrue() { try await Task.sleep(for: .milliseconds(200)) }
    }

    @Test("Prometheus scrapes over TLS with a password and a client certificate", .timeLimit(.minutes(10)))
    func secureScrapes() async throws {
        let toolkit = WebConfigTests.toolkit
        try await SimulatedAccount.run { account in
            let file = account.folder + "/web.yml"
            try """
            \(WebConfigTests.requiringClientCertificate)basic_auth_users:
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
            let prometheus = try PrometheusServer(
                """
                global: { scrape_interval: 3s, scrape_timeout: 3s }
                scrape_configs:
                \(job("good", password: "dave123", certificate: "client_selfsigned"))
                \(job("wrong-password", password: "dave1234", certificate: "client_selfsigned"))
                \(job("wrong-certificate", password: "dave123", certificate: "client2_selfsigned"))
                """, in: account.folder)
            defer { prometheus.stop() }
            // Each was scraped more than once; a password check may be slow on a busy machine.
            try await wait {
                try prometheus.query("count_over_time(up[2m]) >= 2").count == 3
                    && prometheus.query("max_over_time(up{job=\"good\"}[2m]) == 1").count == 1
            }
            #expect(try prometheus.query("max_over_time(up{job!=\"good\"}[2m]) == 0").count == 2)
            let accounts = "max_over_time(genai_exporter_accounts[2m]) == 1"
            #expect(try prometheus.query(accounts).keys.compactMap { $0["job"] } == ["good"])
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    /// The counters cannot come from the provider again: the other exporter reads the last day only.
    @Test("counters of an account that is moved to another exporter continue without a reset", .timeLimit(.minutes(10)))
    func movedAccount() async throws {
        try await SimulatedAccount.run(interval: "300ms") { account in
            func spend(_ usd: Int, daysAgo: Int = 0) {
                let time = RealClock().now - .days(daysAgo)
                account.events.add([UsageEvent(time: time, model: "flux", unitPrice: .zero, cost: ExactDecimal(usd))])
            }
            for day in 1...3 { spend(100 * day, daysAgo: day) }
            let targets = account.folder + "/targets.json"
            func scrape(_ exporter: ExporterProcess) throws {
                try "[{ \"targets\": [\"\(exporter.address)\"], \"labels\": { \"instance\": \"genai\" } }]"
                    .write(toFile: targets, atomically: true, encoding: .utf8)
            }
            let first = try await ExporterProcess.start(account.serveArguments, environment: account.environment)
            try await first.waitUntilReady()
            try scrape(first)
            let prometheus = try PrometheusServer(
                """
                global: { scrape_interval: 1s }
                scrape_configs:
                  - job_name: genai
                    file_sd_configs: [{ files: ["\(targets)"], refresh_interval: 1s }]
                """, in: account.folder)
            defer { prometheus.stop() }
            let cost = "genai_cost_usd_total{instance=\"genai\"}"
            try await wait { try prometheus.query("count_over_time((\(cost) == 600)[5m:1s]) >= 10").count == 1 }
            first.signal(SIGTERM)
            #expect(try await first.waitForExit() == 0)

            let (file, storage) = (account.folder + "/media.ledger", account.folder + "/other")
            for arguments in [
                ["export", "--storage.path", account.storage, "--account", "media", "--output", file],
                ["import", "--storage.path", storage, file],
            ] {
                let outcome = try await ExporterProcess.run(["ledger"] + arguments)
                #expect(outcome.status == 0, "\(outcome.errors)")
            }
            let config = try String(contentsOfFile: account.configFile, encoding: .utf8)
            try config.replacing("history: 4d", with: "history: 1h")
                .write(toFile: account.configFile, atomically: true, encoding: .utf8)
            spend(3)
            let second = try await ExporterProcess.start(
                ["serve", "--config.file", account.configFile, "--storage.path", storage],
                environment: account.environment)
            try scrape(second)
            try await wait { try prometheus.query("\(cost) == 603").count == 1 }
            spend(4)
            try await wait { try prometheus.query("count_over_time((\(cost) == 607)[5m:1s]) >= 5").count == 1 }

            let spent = "max_over_time(\(cost)[10m]) - min_over_time(\(cost)[10m])"
            #expect(try prometheus.query(spent).values.map { $0 } == [7])
            // Every counter of the account, also those about syncs and upstream requests. resets() drops the name.
            let counters = "{__name__=~\"genai_.+_(total|bucket|count|sum)\",account=\"media\"}"
            let names = try prometheus.query("group by (__name__) (\(counters))").keys.compactMap { $0["__name__"] }
            #expect(names.count > 5)
            for name in names {
                let resets = try prometheus.query("resets(\(name){account=\"media\"}[10m])")
                #expect(!resets.isEmpty && resets.values.allSatisfy { $0 == 0 }, "\(name): \(resets)")
            }
            let increase = try #require(try prometheus.query("increase(\(cost)[10m])").values.first)
            #expect((7.0...8.0).contains(increase), "\(increase)")
            second.signal(SIGTERM)
            #expect(try await second.waitForExit() == 0)
        }
    }

    @Test("increase() is the amount spent", .timeLimit(.minutes(10))) func amountSpent() async throws {
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
            let prometheus = try PrometheusServer(configuration, in: account.folder)
            defer { prometheus.stop() }
            let cost = "genai_cost_usd_total{job=\"genai\"}"
            try await wait { try prometheus.query("count_over_time(\(cost)[1m]) >= 5").count == 1 }
            account.events.add([
                UsageEvent(time: RealClock().now, model: model, unitPrice: .zero, cost: ExactDecimal(3))
            ])
            try await wait { try prometheus.query("\(cost) == 423").count == 1 }
            let samples = "count_over_time(\(cost)[1m])"
            let before = try #require(try prometheus.query(samples).values.first)
            try await wait { try (prometheus.query(samples).values.first ?? 0) >= before + 10 }
            // Prometheus extrapolates by at most half a scrape interval at either end of what it has.
            let increase = try #require(try prometheus.query("increase(\(cost)[1m])").values.first)
            #expect((3.0...3.4).contains(increase), "\(increase)")
            let exact = try prometheus.query("max_over_time(\(cost)[1m]) - min_over_time(\(cost)[1m])")
            #expect(exact.values.first == 3)
            try await wait { try prometheus.query("up{job=\"demo\"} == 1").count == 1 }
            let byModel = "count by (model) (genai_cost_usd_total{job=\"demo\"})"
            try await wait { try prometheus.query(byModel).count >= 5 }
            // By /sd every account is a separate target, and together they have all series.
            let eachAccount = "count(count by (account) (genai_up{job=\"demo\"}))"
            try await wait { try prometheus.query("count(up{job=\"probes\"} == 1) == \(eachAccount)").count == 1 }
            let accounts = "count by (account) (genai_cost_usd_total{job=\"probes\"})"
            let whole = "count by (account) (genai_cost_usd_total{job=\"demo\"})"
            try await wait {
                let expected = try prometheus.query(whole)
                return try expected.count >= 5 && prometheus.query(accounts) == expected
            }
            for process in [exporter, demo] {
                process.signal(SIGTERM)
                #expect(try await process.waitForExit() == 0)
            }
        }
    }
}
