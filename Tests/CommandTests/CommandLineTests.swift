import Foundation
import TestSupport
import Testing

/// Tests messages and exit codes of the command line.
@Suite struct CommandLineTests {
    @Test("--version prints to standard output") func version() async throws {
        let outcome = try await ExporterProcess.run(["--version"])
        #expect(outcome.status == 0)
        #expect(outcome.output.hasPrefix("genai_usage_exporter, version "))
    }

    @Test("--help lists every command") func help() async throws {
        let outcome = try await ExporterProcess.run(["--help"])
        #expect(outcome.status == 0)
        for command in ["serve", "demo", "check", "once", "backfill", "focus", "health"] {
            #expect(outcome.output.contains(command))
        }
    }

    @Test(
        "a usage error has exit code 2",
        arguments: [
            ["--no-such-flag"], ["serve", "--web.listen-address", "nowhere"], ["serve", "--log.level", "loud"],
            ["serve", "--web.max-requests", "0"], ["serve", "--web.telemetry-path", "metrics"],
            ["serve", "--web.external-url", "example.com"], ["serve", "--web.health-address", "nowhere"],
            ["serve", "--config.auto-reload-interval", "10ms"],
        ])
    func usageErrors(arguments: [String]) async throws {
        let outcome = try await ExporterProcess.run(arguments)
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("Usage:"))
    }

    @Test(
        "an unknown command is reported with the nearest one",
        arguments: [("serv", "did you mean `serve`?"), ("version", "the version is `--version`")])
    func unknownCommand(name: String, hint: String) async throws {
        let outcome = try await ExporterProcess.run([name])
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("no command \"\(name)\": ") && outcome.errors.contains(hint))
    }

    @Test("a host that has no address, and an unusable storage path, are reported with what would be right")
    func unusablePlaces() async throws {
        try await withTemporaryFolder { folder in
            let host = try await ExporterProcess.run(["demo", "--web.listen-address", "host.invalid:9000"])
            #expect(host.status == 1)
            #expect(host.errors.contains("cannot listen on host.invalid:9000: "))
            #expect(host.errors.contains("the host has no address; give an IP address of this machine"))
            let file = folder + "/file"
            try "".write(toFile: file, atomically: true, encoding: .utf8)
            let inFile = try await ExporterProcess.run(["demo", "--storage.path", file])
            #expect(inFile.status == 3)
            #expect(inFile.errors.contains("\(file) is a file: --storage.path is the folder"))
            let empty = try await ExporterProcess.run(["once", "--storage.path", ""])
            #expect(empty.status == 2)
            #expect(empty.errors.contains("--storage.path is empty"))
        }
    }

    @Test("the storage of a demo is refused by other commands, because its money is simulated")
    func storageOfDemo() async throws {
        try await withTemporaryFolder { folder in
            let storage = folder + "/data"
            let demo = try await ExporterProcess.start(["demo", "--storage.path", storage])
            try await demo.waitUntilReady()
            demo.signal(SIGTERM)
            #expect(try await demo.waitForExit() == 0)
            let config = folder + "/config.yml"
            try "accounts: [{ name: media, provider: wavespeed, api_key: test-key }]".write(
                toFile: config, atomically: true, encoding: .utf8)
            let once = try await ExporterProcess.run(["once", "--config.file", config, "--storage.path", storage])
            #expect(once.status == 3)
            #expect(once.errors.contains("holds simulated money of `demo`"))
            for command in [["backfill"], ["focus", "--from", "2026-11-01", "--to", "2026-11-02"]] {
                let written = try await ExporterProcess.run(
                    command + ["--storage.path", storage, "--output", folder + "/out"])
                #expect(written.status == 0)
                #expect(written.errors.contains("the storage is that of a demo"))
            }
        }
    }

    @Test("all errors of a config are reported with positions, without secrets") func configErrors() async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/config.yml"
            try """
            global:
              sync_intervall: 5m
              timeout: soon
            accounts:
              - name: media
                provider: wavespeed
                api_key_env: THIS_VARIABLE_IS_NOT_SET
              - name: media
                provider: wavespeed
                api_key: sk-secret-0123456789
                base_url: http://example.com
              - name: "bad name!"
                provider: wavespead
                api_key: sk-secret-9876543210
              - name: stack
                provider: fairstack
                api_key_file: \(folder)/missing-key
                bots: [midjourney]
            """.write(toFile: file, atomically: true, encoding: .utf8)
            let outcome = try await ExporterProcess.run(["check", "--config.file", file])
            #expect(outcome.status == 1)
            let lines = outcome.errors.split(separator: "\n").filter { $0.hasPrefix(file) }
            for position in [":2:", ":3:", ":7:", ":8:", ":11:", ":12:", ":13:", ":17:", ":18:"] {
                #expect(lines.contains { $0.hasPrefix(file + position) }, "\(position) \(outcome.errors)")
            }
            #expect(outcome.errors.contains("sync_interval"))
            #expect(!outcome.errors.contains("sk-secret") && !outcome.output.contains("sk-secret"))
        }
    }

    @Test("a budget below a cent is rejected") func smallBudget() async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/config.yml"
            try "accounts: [{ name: a, provider: wavespeed, api_key: k-0, budget: { monthly_usd: 0.00000001 } }]"
                .write(toFile: file, atomically: true, encoding: .utf8)
            let outcome = try await ExporterProcess.run(["check", "--config.file", file])
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("at least 0.01"))
        }
    }

    /// The parser hashes keys with their expanded aliases.
    @Test(
        "exponential aliases in a key are rejected at once", .timeLimit(.minutes(1)),
        arguments: ["? *a29\n: x", "*a29 : x", "{ [*a29, *a29]: x }"])
    func exponentialAliases(key: String) async throws {
        try await withTemporaryFolder { folder in
            let file = folder + "/config.yml"
            let anchors = (1..<30).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1)]" }
            try (["a0: &a0 [x, x]"] + anchors + [key.hasPrefix("{") ? "b: \(key)" : key]).joined(separator: "\n")
                .write(toFile: file, atomically: true, encoding: .utf8)
            let outcome = try await ExporterProcess.run(["check", "--config.file", file])
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("alias"))
        }
    }

    @Test("a trailing newline of a variable is removed, as in a file") func trailingNewline() async throws {
        try await SimulatedAccount.run { account in
            let arguments = ["once", "--config.file", account.configFile, "--storage.path", account.storage]
            let outcome = try await ExporterProcess.run(
                arguments, environment: account.environment.mapValues { $0 + "\n" })
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
    }

    @Test("relative paths start at the config file, or at its link's target") func relativePaths() async throws {
        try await withTemporaryFolder { folder in
            try FileManager.default.createDirectory(
                atPath: folder + "/etc", withIntermediateDirectories: true)
            try "accounts: [{ name: a, provider: wavespeed, api_key_file: key }]"
                .write(toFile: folder + "/etc/config.yml", atomically: true, encoding: .utf8)
            try "token".write(toFile: folder + "/etc/key", atomically: true, encoding: .utf8)
            let link = folder + "/link.yml"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "etc/config.yml")
            #expect(try await ExporterProcess.run(["check", "--config.file", link]).status == 0)
        }
    }

    @Test("a missing config has exit code 1") func missingConfig() async throws {
        for command in ["serve", "check", "once"] {
            let outcome = try await ExporterProcess.run([command, "--config.file", "/nonexistent/config.yml"])
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("/nonexistent/config.yml"))
        }
    }

    @Test("a second process on a storage is rejected with the first one's name") func secondProcess() async throws {
        try await SimulatedAccount.run { account in
            let first = try await ExporterProcess.start(account.serveArguments, environment: account.environment)
            let second = try await ExporterProcess.run(account.serveArguments, environment: account.environment)
            #expect(second.status == 3)
            #expect(second.errors.contains("in use by"))
            first.signal(SIGTERM)
            #expect(try await first.waitForExit() == 0)
        }
    }

    @Test("once syncs, prints the metrics and exits") func once() async throws {
        try await SimulatedAccount.run { account in
            let arguments = ["once", "--config.file", account.configFile, "--storage.path", account.storage]
            let printed = try await ExporterProcess.run(arguments, environment: account.environment)
            #expect(printed.status == 0)
            #expect(try Scrape(Array(printed.output.utf8)).value("genai_balance_usd") == 100)

            let file = account.folder + "/genai.prom"
            let written = try await ExporterProcess.run(
                arguments + ["--output", file], environment: account.environment)
            #expect(written.status == 0)
            #expect(written.output.isEmpty)
            let body = Array(try Data(contentsOf: URL(fileURLWithPath: file)))
            #expect(try Scrape(body).value("genai_up", ["source": "balance"]) == 1)

            account.server.faults.stand(.status(401), at: "/wavespeed/api/v3/balance")
            let failed = try await ExporterProcess.run(arguments, environment: account.environment)
            #expect(failed.status == 1)
            #expect(try Scrape(Array(failed.output.utf8)).value("genai_balance_usd") == 100)
        }
    }
}
