import Foundation
import ProviderSimulator
import TestSupport
import Testing
import UsageModel

/// `once`, as node_exporter's textfile collector uses it.
@Suite struct OnceTests {
    private func once(_ account: SimulatedAccount, _ more: String...) async throws -> ExporterProcess.Outcome {
        try await ExporterProcess.run(
            ["once", "--config.file", account.configFile, "--storage.path", account.storage] + more,
            environment: account.environment)
    }

    private func use(_ model: String, of account: SimulatedAccount, usd: Int) {
        account.events.add([
            UsageEvent(time: RealClock().now, model: model, unitPrice: .zero, cost: ExactDecimal(usd))
        ])
    }

    @Test("a model that is new in the second run has its final values") func newModel() async throws {
        try await SimulatedAccount.run { account in
            use("old", of: account, usd: 7)
            #expect(try await once(account).status == 0)
            use("new", of: account, usd: 50)
            let second = try Scrape(Array(try await once(account).output.utf8))
            #expect(second.value("genai_cost_usd_total", ["model": "new"]) == 50)
            #expect(second.value("genai_window_cost_usd", ["model": "new", "window": "today"]) == 50)
        }
    }

    @Test("names with equal label values are one series with the sum") func equalNames() async throws {
        try await SimulatedAccount.run { account in
            for (model, usd) in [("m\u{1}x", 2), ("m\u{2}x", 4), ("m\u{7F}x", 6), ("m\u{FFFD}x", 8)] {
                use(model, of: account, usd: usd)
            }
            // The parser is strict: a duplicate series in any family fails here.
            let scrape = try Scrape(Array(try await once(account).output.utf8))
            #expect(scrape.value("genai_cost_usd_total", ["model": "m\u{FFFD}x"]) == 20)
            #expect(scrape.value("genai_window_cost_usd", ["model": "m\u{FFFD}x", "window": "today"]) == 20)
        }
    }

    @Test("an unknown account is a usage error") func unknownAccount() async throws {
        try await SimulatedAccount.run { account in
            let outcome = try await once(account, "--account", "nobody")
            #expect(outcome.status == 2)
            #expect(outcome.errors.contains("there is no account nobody"))
        }
    }

    /// Together with node_exporter's own process_* families.
    @Test("node_exporter reads two files without an error", .timeLimit(.minutes(5)))
    func textfileCollector() async throws {
        let node = try Tool(
            named: "prometheus-node-exporter", installation: "apt-get install prometheus-node-exporter")
        try await SimulatedAccount.run { account in
            use("flux", of: account, usd: 1)
            let folder = account.folder + "/textfile"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            #expect(try await once(account, "--output", folder + "/first.prom").status == 0)
            let config = try String(contentsOfFile: account.configFile, encoding: .utf8)
            try config.replacing("name: media", with: "name: other")
                .write(toFile: account.configFile, atomically: true, encoding: .utf8)
            #expect(try await once(account, "--output", folder + "/second.prom").status == 0)
            let text = try String(contentsOfFile: folder + "/first.prom", encoding: .utf8)
            #expect(!text.contains("process_") && !text.contains("genai_exporter_"))

            let log = account.folder + "/node.log"
            try Data().write(to: URL(fileURLWithPath: log))
            let process = node.process([
                "--web.listen-address=127.0.0.1:0", "--collector.disable-defaults", "--collector.textfile",
                "--collector.textfile.directory=\(folder)",
            ])
            process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
            try process.run()
            defer {
                process.terminate()
                process.waitUntilExit()
            }
            let curl = try Tool(named: "curl", installation: "apt-get install curl")
            var page = ""
            while !page.contains("genai_cost_usd_total") || !page.contains("textfile_scrape_error") {
                try await Task.sleep(for: .milliseconds(100))
                let text = try String(contentsOfFile: log, encoding: .utf8)
                guard let address = text.firstMatch(of: /(127\.0\.0\.1:[1-9]\d*)/)?.1 else { continue }
                page = try curl.run(["-s", "http://\(address)/metrics"]).output
            }
            #expect(page.contains("node_textfile_scrape_error 0"))
            #expect(page.contains(#"genai_cost_usd_total{account="media","#))
            #expect(page.contains(#"genai_cost_usd_total{account="other","#))
        }
    }

    @Test("the output follows no planted link and keeps the file's mode") func outputFile() async throws {
        try await SimulatedAccount.run { account in
            let file = account.folder + "/genai.prom"
            let victim = account.folder + "/victim"
            try "kept".write(toFile: victim, atomically: true, encoding: .utf8)
            try "old".write(toFile: file, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
            try FileManager.default.createSymbolicLink(atPath: file + ".new", withDestinationPath: victim)
            #expect(try await once(account, "--output", file).status == 0)
            #expect(try String(contentsOfFile: victim, encoding: .utf8) == "kept")
            let attributes = try FileManager.default.attributesOfItem(atPath: file)
            #expect(attributes[.type] as? FileAttributeType == .typeRegular)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            #expect(!FileManager.default.fileExists(atPath: file + ".new"))
        }
    }
}
