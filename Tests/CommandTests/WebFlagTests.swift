import Foundation
import TestSupport
import Testing

/// Tests the web flags, from the view of clients and proxies.
@Suite struct WebFlagTests {
    @Test("_created lines are written only if enabled", arguments: [false, true])
    func createdLines(isEnabled: Bool) async throws {
        try await SimulatedAccount.run { account in
            let exporter = try await ExporterProcess.start(
                account.serveArguments + (isEnabled ? ["--web.openmetrics-created"] : []),
                environment: account.environment)
            try await exporter.waitUntilReady()
            let response = try await exporter.get(
                "/metrics", headers: [("Accept", "application/openmetrics-text; version=1.0.0")])
            let lines = String(decoding: response.body, as: UTF8.self).split(separator: "\n")
            let created = lines.filter { $0.contains(/^[a-z_]+_created[{ ]/) && !$0.hasPrefix("#") }
            #expect(created.isEmpty != isEnabled)
            #expect(!created.contains { $0.hasPrefix("process_network") })
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    @Test("the health address needs neither a password nor TLS") func healthAddress() async throws {
        try await SimulatedAccount.run { account in
            let file = account.folder + "/web.yml"
            try WebConfigTests.requiringClientCertificate.write(toFile: file, atomically: true, encoding: .utf8)
            let exporter = try await ExporterProcess.start(
                account.serveArguments + [
                    "--web.config.file", file, "--web.health-address", "127.0.0.1:0",
                ], environment: account.environment)
            var address: String?
            while address == nil {
                try await Task.sleep(for: .milliseconds(20))
                address = exporter.log.firstMatch(of: /msg="listening for health checks" address=(\S+)/)
                    .map { String($0.1) }
            }
            let found = try #require(address)
            let curl = try Tool(named: "curl", installation: "apt-get install curl")
            for (path, status) in [("/-/healthy", "200"), ("/metrics", "404"), ("/", "404"), ("/sd", "404")] {
                let outcome = try curl.run(
                    ["-s", "-o", "/dev/null", "-w", "%{http_code}", "http://\(found)\(path)"])
                #expect(outcome.output == status, "\(path)")
            }
            let health = try await ExporterProcess.run(["health", "--web.health-address", found])
            #expect(health.status == 0, "\(health.errors)")
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    @Test("a changed config is reloaded without a signal", .timeLimit(.minutes(2))) func autoReload() async throws {
        try await SimulatedAccount.run(interval: "10m") { account in
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--config.auto-reload-interval", "1s"], environment: account.environment)
            let good = try String(contentsOfFile: account.configFile, encoding: .utf8)
            func write(_ text: String) throws {
                try text.write(toFile: account.configFile, atomically: true, encoding: .utf8)
            }
            try write("accounts: nonsense")
            _ = try await exporter.scrape { $0.value("genai_exporter_config_last_reload_successful") == 0 }
            // Retried each second, but logged once.
            try await Task.sleep(for: .seconds(3))
            #expect(exporter.log.ranges(of: "config reload failed").count == 1)
            try write(good.replacing("name: media", with: "name: other"))
            _ = try await exporter.scrape {
                $0.value("genai_exporter_config_last_reload_successful") == 1
                    && $0.value("genai_balance_usd", ["account": "other"]) == 100
            }
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    private static let webConfigMetric = "genai_exporter_web_config_last_reload_successful"

    @Test("a metric shows that a web config was rejected", .timeLimit(.minutes(2)))
    func rejectedWebConfig() async throws {
        try await SimulatedAccount.run { account in
            let file = account.folder + "/web.yml"
            try Data().write(to: URL(fileURLWithPath: file))
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.config.file", file], environment: account.environment)
            _ = try await exporter.scrape { $0.value(Self.webConfigMetric) == 1 }
            try "nonsense: 1".write(toFile: file, atomically: true, encoding: .utf8)
            _ = try await exporter.scrape { $0.value(Self.webConfigMetric) == 0 }
            try Data().write(to: URL(fileURLWithPath: file))
            _ = try await exporter.scrape { $0.value(Self.webConfigMetric) == 1 }
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    /// nginx at a sub-path, once with the prefix passed on and once with it removed.
    @Test("page, targets and probe work behind a reverse proxy", .timeLimit(.minutes(5)), arguments: [true, false])
    func reverseProxy(removesPrefix: Bool) async throws {
        let nginx = try Tool(named: "nginx", installation: "apt-get install nginx-light")
        try await SimulatedAccount.run { account in
            let port = try freePort()
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.external-url", "http://127.0.0.1:\(port)/genai/"]
                    + (removesPrefix ? ["--web.route-prefix", "/"] : []), environment: account.environment)
            let file = account.folder + "/nginx.conf"
            try """
            daemon off;
            pid \(account.folder)/nginx.pid;
            error_log \(account.folder)/nginx.log;
            events {}
            http {
              access_log off;
              client_body_temp_path \(account.folder)/body; proxy_temp_path \(account.folder)/proxy;
              fastcgi_temp_path \(account.folder)/f; uwsgi_temp_path \(account.folder)/u;
              scgi_temp_path \(account.folder)/s;
              server {
                listen 127.0.0.1:\(port);
                location /genai/ { proxy_pass http://\(exporter.address)\(removesPrefix ? "/" : ""); }
              }
            }
            """.write(toFile: file, atomically: true, encoding: .utf8)
            let proxy = nginx.process(["-c", file])
            try proxy.run()
            defer {
                proxy.terminate()
                proxy.waitUntilExit()
            }
            let curl = try Tool(named: "curl", installation: "apt-get install curl")
            func get(_ url: String) throws -> String {
                let outcome = try curl.run(["-sS", "--fail", "--retry", "20", "--retry-connrefused", url])
                #expect(outcome.status == 0, "\(url): \(outcome.output)")
                return outcome.output
            }
            let base = "http://127.0.0.1:\(port)"
            let page = try get(base + "/genai/")
            let links = page.matches(of: /href="(\/[^"]*)"/).map { String($0.1) }
            #expect(links == ["/genai/metrics", "/genai/-/ready"])
            try await exporter.waitUntilReady()
            for link in links { _ = try get(base + link) }

            struct Group: Decodable {
                let targets: [String]
                let labels: [String: String]
            }
            let groups = try JSONDecoder().decode([Group].self, from: Data(get(base + "/genai/sd").utf8))
            let group = try #require(groups.first)
            let (target, labels) = (try #require(group.targets.first), group.labels)
            let probe =
                "\(labels["__scheme__"] ?? "")://\(target)\(labels["__metrics_path__"] ?? "")"
                + "?target=\(labels["__param_target"] ?? "")"
            #expect(try Scrape(Array(get(probe).utf8)).value("genai_balance_usd") == 100)

            #expect(try await exporter.get("/-/healthy").status == 200)
            if !removesPrefix {
                #expect(try await exporter.get("/metrics").status == 404)
                #expect(try await exporter.get("/").headers["location"] == "/genai/")
            }
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }
}
