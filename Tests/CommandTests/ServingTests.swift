import Foundation
import ProviderSimulator
import TestSupport
import Testing
import UsageModel

/// Tests the running server's responses and its shutdown.
@Suite struct ServingTests {
    @Test("endpoints respond as in other exporters") func endpoints() async throws {
        try await SimulatedAccount.run { account in
            let exporter = try await ExporterProcess.start(account.serveArguments, environment: account.environment)
            #expect(try await exporter.get("/-/healthy").status == 200)
            try await exporter.waitUntilReady()
            let metrics = try await exporter.get("/metrics")
            #expect(metrics.status == 200)
            #expect(metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            #expect(metrics.headers["vary"] == "Accept, Accept-Encoding")
            let openMetrics = try await exporter.get(
                "/metrics", headers: [("Accept", "application/openmetrics-text;version=1.0.0")])
            #expect(
                openMetrics.headers["content-type"]?.hasPrefix("application/openmetrics-text; version=1.0.0") == true)
            #expect(try Scrape(openMetrics.body, format: .openMetrics100).value("genai_exporter_accounts") == 1)
            let compressed = try await exporter.get("/metrics", headers: [("Accept-Encoding", "gzip")])
            #expect(compressed.headers["content-encoding"] == "gzip")
            #expect(compressed.body.starts(with: [0x1f, 0x8b]))
            let head = try await exporter.get("/metrics", method: "HEAD")
            #expect(head.status == 200 && head.body.isEmpty)
            let page = try await exporter.get("/")
            #expect(page.headers["content-type"] == "text/html; charset=utf-8")
            #expect(String(decoding: page.body, as: UTF8.self).contains("media"))
            #expect(try await exporter.get("/nothing").status == 404)
            let posted = try await exporter.get("/metrics", method: "POST")
            #expect(posted.status == 405)
            #expect(posted.headers["allow"] == "GET, HEAD")
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    @Test("metrics are selected by name and by account") func selection() async throws {
        try await SimulatedAccount.run { account in
            let exporter = try await ExporterProcess.start(account.serveArguments, environment: account.environment)
            try await exporter.waitUntilReady()
            let named = try Scrape(
                try await exporter.get("/metrics?name%5B%5D=genai_up&name%5B%5D=genai_exporter_accounts").body)
            #expect(Set(named.families.keys) == ["genai_up", "genai_exporter_accounts"])
            let probed = try await exporter.get("/probe?target=media", headers: [("Accept-Encoding", "gzip")])
            #expect(probed.headers["content-encoding"] == "gzip")
            let probe = try Scrape(try await exporter.get("/probe?target=media").body)
            #expect(probe.value("genai_balance_usd", ["account": "media"]) == 100)
            #expect(probe.samples("genai_exporter_accounts").isEmpty)
            #expect(try await exporter.get("/probe").status == 400)
            #expect(try await exporter.get("/probe?target=http://127.0.0.1:1").status == 404)

            let discovered = try await exporter.get("/sd")
            #expect(discovered.headers["content-type"] == "application/json")
            struct Group: Decodable {
                let targets: [String]
                let labels: [String: String]
            }
            let groups = try JSONDecoder().decode([Group].self, from: Data(discovered.body))
            #expect(groups.map(\.targets) == [[exporter.address]])
            #expect(groups.first?.labels["__metrics_path__"] == "/probe")
            #expect(groups.first?.labels["__param_target"] == "media")
            #expect(groups.first?.labels["__scheme__"] == "http")
            let odd = try await exporter.get("/sd", headers: [("Host", "evil\"host")])
            #expect(odd.status == 400)
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    @Test("a new config is applied without a restart") func reload() async throws {
        try await SimulatedAccount.run(interval: "10m") { account in
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.enable-lifecycle"], environment: account.environment)
            try await exporter.waitUntilReady()
            let good = try String(contentsOfFile: account.configFile, encoding: .utf8)
            let accounts = try #require(good.range(of: "accounts:\n")).upperBound
            let entry = String(good[accounts...])
            func scraped(_ isTrue: (Scrape) -> Bool) async throws {
                while try await !isTrue(exporter.scrape()) { try await Task.sleep(for: .milliseconds(20)) }
            }

            try (good + "\n" + entry.replacing("name: media", with: "name: second"))
                .write(toFile: account.configFile, atomically: true, encoding: .utf8)
            exporter.signal(SIGHUP)
            try await scraped { $0.value("genai_balance_usd", ["account": "second"]) == 100 }
            try await scraped { $0.value("genai_exporter_accounts") == 2 }

            try "accounts: nonsense".write(toFile: account.configFile, atomically: true, encoding: .utf8)
            let refused = try await exporter.get("/-/reload", method: "POST")
            #expect(refused.status == 500)
            #expect(String(decoding: refused.body, as: UTF8.self).contains(account.configFile + ":1:"))
            let kept = try await exporter.scrape()
            #expect(kept.value("genai_exporter_config_last_reload_successful") == 0)
            #expect(kept.value("genai_exporter_accounts") == 2)
            #expect(kept.value("genai_balance_usd", ["account": "second"]) == 100)

            try good.write(toFile: account.configFile, atomically: true, encoding: .utf8)
            #expect(try await exporter.get("/-/reload", method: "POST").status == 200)
            let back = try await exporter.scrape()
            #expect(back.value("genai_exporter_config_last_reload_successful") == 1)
            #expect(back.value("genai_exporter_accounts") == 1)
            #expect(back.samples("genai_balance_usd").count == 1)

            // The interval is ten minutes, so that new data within seconds is from a forced sync.
            account.events.add([
                UsageEvent(time: RealClock().now, model: "m", unitPrice: .zero, cost: ExactDecimal(7))
            ])
            #expect(try await exporter.get("/-/sync?account=nobody", method: "POST").status == 404)
            #expect(try await exporter.get("/-/sync?account=media", method: "POST").status == 202)
            try await scraped { $0.value("genai_cost_usd_total", ["model": "m"]) == 7 }
            let again = try await exporter.get("/-/sync", method: "POST")
            #expect(again.status == 429)
            #expect((1...10).contains(try #require(again.headers["retry-after"].flatMap { Int($0) })))
            for path in ["/-/reload", "/-/sync?account=media"] {
                for field in [("Sec-Fetch-Site", "cross-site"), ("Origin", "http://evil.example")] {
                    let refused = try await exporter.get(path, headers: [field], method: "POST")
                    #expect(refused.status == 403)
                }
            }

            let got = try await exporter.get("/-/reload")
            #expect(got.status == 405)
            #expect(got.headers["allow"] == "POST")
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    @Test("an address in use is reported") func addressInUse() async throws {
        try await SimulatedAccount.run { account in
            let exporter = try await ExporterProcess.start(account.serveArguments, environment: account.environment)
            // One address in use is enough, because an exporter must listen on all of its addresses.
            let second = try await ExporterProcess.run(
                [
                    "serve", "--config.file", account.configFile, "--storage.path", account.folder + "/other",
                    "--web.listen-address", "127.0.0.1:0", "--web.listen-address", exporter.address,
                ], environment: account.environment)
            #expect(second.status == 1)
            #expect(
                second.errors.contains(
                    "cannot listen on \(exporter.address): Address already in use; stop what listens there"))
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    /// As with systemd, the sockets exist before the exporter.
    @Test("the exporter listens on sockets passed by systemd") func systemdSockets() async throws {
        let handOver = """
            import os, socket, sys
            sockets = [socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))]
            spare = [os.dup(each.fileno()) for each in sockets]
            os.dup2(spare[0], 3), os.dup2(spare[1], 4), os.set_inheritable(3, True), os.set_inheritable(4, True)
            os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2")
            os.execv(sys.argv[1], sys.argv[1:])
            """
        let python = try Tool(named: "python3", installation: "apt-get install python3")
        try await SimulatedAccount.run { account in
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.systemd-socket"], environment: account.environment,
                by: (python, ["-c", handOver]))
            #expect(try await exporter.get("/-/healthy").status == 200)
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)

            let unset = try await ExporterProcess.run(
                account.serveArguments + ["--web.systemd-socket"], environment: account.environment)
            #expect(unset.status == 1)
            #expect(unset.errors.contains("systemd passed no socket"))
            let noSockets = handOver.replacing("socket.create_server((\"127.0.0.1\", 0))", with: "sys.stdin")
            let nothing = try python.run([
                "-c", noSockets, ExporterProcess.binary.path, "demo", "--web.systemd-socket",
            ])
            #expect(nothing.status == 1)
            #expect(nothing.output.contains("file descriptor 3 is not a listening stream socket"))
        }
    }

    @Test("the exporter serves on a Unix socket passed by systemd") func systemdUnixSocket() async throws {
        let python = try Tool(named: "python3", installation: "apt-get install python3")
        let curl = try Tool(named: "curl", installation: "apt-get install curl")
        try await SimulatedAccount.run { account in
            let path = account.folder + "/web.sock"
            let handOver = """
                import os, socket, sys
                listening = socket.socket(socket.AF_UNIX)
                listening.bind("\(path)"), listening.listen()
                spare = os.dup(listening.fileno())
                os.dup2(spare, 3), os.set_inheritable(3, True)
                os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
                os.execv(sys.argv[1], sys.argv[1:])
                """
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.systemd-socket"], environment: account.environment,
                by: (python, ["-c", handOver]))
            for _ in 0..<3 {
                let response = try curl.run(["-s", "--unix-socket", path, "http://localhost/-/healthy"])
                #expect(response.output == "genai_usage_exporter is healthy.\n")
            }
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    @Test("once reports that its output cannot be written") func fullOutput() async throws {
        try await SimulatedAccount.run { account in
            let shell = Tool(path: "/bin/sh")
            let outcome = try shell.run([
                "-c",
                "WAVESPEED_API_KEY=test-token-media exec \(ExporterProcess.binary.path) once "
                    + "--config.file \(account.configFile) --storage.path \(account.storage) 2>&1 >/dev/full",
            ])
            #expect(outcome.status == 1)
            #expect(outcome.output.contains("cannot write to standard output: No space left on device"))
        }
    }

    @Test("the lifecycle API is disabled by default") func lifecycleDisabled() async throws {
        try await SimulatedAccount.run { account in
            let exporter = try await ExporterProcess.start(account.serveArguments, environment: account.environment)
            #expect(try await exporter.get("/-/reload", method: "POST").status == 403)
            #expect(try await exporter.get("/-/sync", method: "POST").status == 403)
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    @Test("the exporter stops within two seconds while the upstream hangs") func shutdown() async throws {
        try await SimulatedAccount.run { account in
            account.server.faults.stand(.hang, at: "/wavespeed")
            let exporter = try await ExporterProcess.start(account.serveArguments, environment: account.environment)
            try await account.server.log.wait(forTotal: 2)
            let end = try await exporter.end(by: SIGTERM)
            #expect(end.status == 0)
            #expect(end.duration < .seconds(2))
        }
    }

    @Test("demo needs no config, and shows cost, requests and success by model", .timeLimit(.minutes(5)))
    func demo() async throws {
        let exporter = try await ExporterProcess.start(["demo"])
        var scrape = try await exporter.scrape()
        let families = ["genai_cost_usd_total", "genai_requests_total", "genai_request_outcomes_total"]
        func isShown(_ family: String) -> Bool {
            scrape.samples(family).contains { !($0.labels["model"] ?? "").isEmpty && $0.value > 0 }
        }
        while !families.allSatisfy(isShown)
            || Set(scrape.samples("genai_up").compactMap(\.labels["provider"])).count < 5
        {
            try await Task.sleep(for: .milliseconds(100))
            scrape = try await exporter.scrape()
        }
        exporter.signal(SIGTERM)
        #expect(try await exporter.waitForExit() == 0)
    }
}
