import ExporterCore
import Foundation
import PrometheusExposition
import PrometheusExpositionTesting
import ProviderSimulator
import TestSupport
import Testing
import UsageLedger
import UsageModel

/// Tests that the backfilled history equals the ledger, and that the live series continue it.
@Suite(.timeLimit(.minutes(15))) struct BackfillTests {
    /// Name and labels that identify a series, without the bucket's bound.
    private static func name(_ sample: ParsedSample) -> [String: String] {
        sample.labels.merging(["": sample.name]) { own, _ in own }
    }

    /// The first day that is not written completely, because the newest three hours are left to scraping.
    private static func firstOpenDay(at now: Timestamp) -> UTCDay { (now - .hours(3)).day }

    @Test("every day of every provider equals the ledger") func everyDay() async throws {
        try await withTemporaryFolder { folder in
            let storage = folder + "/data"
            let demo = try await ExporterProcess.start(["demo", "--storage.path", storage])
            try await demo.waitUntilReady()
            let firstOpenDay = Self.firstOpenDay(at: RealClock().now)
            // While the exporter continues to write.
            let written = try await ExporterProcess.run([
                "backfill", "--storage.path", storage, "--output", folder + "/history",
            ])
            #expect(written.status == 0, "\(written.errors)")
            #expect(written.errors.contains("every account of the storage is written"))
            demo.signal(SIGTERM)
            #expect(try await demo.waitForExit() == 0)

            let text = try Data(contentsOf: URL(fileURLWithPath: folder + "/history"))
            let families = try ExpositionParser.parse(Array(text), format: .openMetrics100)
            var points: [[String: String]: [(timestamp: Int64, value: Double)]] = [:]
            for sample in families.flatMap(\.samples) {
                let timestamp = try #require(sample.timestamp?.milliseconds)
                points[Self.name(sample), default: []].append((timestamp, sample.value))
            }
            for (name, points) in points {
                #expect(
                    zip(points, points.dropFirst()).allSatisfy { $0.timestamp < $1.timestamp && $0.value <= $1.value },
                    "\(name)")
            }
            let expected = try await days(of: storage, before: firstOpenDay)
            #expect(Set(expected.keys.compactMap { $0["provider"] }).count == TestedProvider.all.count)
            for (name, days) in expected {
                let series = try #require(points[name], "\(name)")
                let byTimestamp = Dictionary(uniqueKeysWithValues: series.map { ($0.timestamp, $0.value) })
                for (day, amount) in days {
                    let before = try #require(byTimestamp[day.start.milliseconds], "\(name) \(day)")
                    let after = try #require(byTimestamp[day.advanced(by: 1).start.milliseconds], "\(name) \(day)")
                    #expect(abs(after - before - amount.doubleValue) < 1e-6, "\(name) \(day)")
                }
            }
        }
    }

    /// The ledger's days, by the name that each series has in the backfill, without histograms.
    private func days(
        of storage: String, before firstOpenDay: UTCDay
    ) async throws -> [[String: String]: [(day: UTCDay, amount: ExactDecimal)]] {
        try await LedgerHistory.read(folder: storage, families: .common) { ledger in
            var all: [[String: String]: [(day: UTCDay, amount: ExactDecimal)]] = [:]
            for account in try ledger.accounts() {
                for series in try ledger.series(of: account.id)
                where series.family != .reconciliation && series.family != .duration {
                    let values = [account.provider, account.name] + series.labels
                    let names = ["provider", "account"] + series.family.labelNames
                    var name = Dictionary(uniqueKeysWithValues: zip(names, values)).filter { !$0.value.isEmpty }
                    name[""] = series.family.name
                    let days = try ledger.days(of: series.id)
                    // A series that begins in the hours left to scraping is not written at all.
                    if let first = days.map(\.day).min(), first >= firstOpenDay { continue }
                    all[name] = days.filter { $0.day < firstOpenDay }
                }
            }
            return all
        }
    }

    @Test("in Prometheus the live series continue the backfilled ones") func continuity() async throws {
        try await SimulatedAccount.run(interval: "300ms") { account in
            let now = RealClock().now
            let models = ["wavespeed-ai/flux-dev", "vidu/q3", "kling"]
            let firstOpenDay = Self.firstOpenDay(at: now)
            // 2, 4 and 6 USD at noon of each of the three days before, and some today.
            for (index, model) in models.enumerated() {
                for day in 1...3 {
                    account.events.add([
                        UsageEvent(
                            time: firstOpenDay.advanced(by: -day).start + .hours(12), model: model, unitPrice: .zero,
                            cost: ExactDecimal((index + 1) * 2))
                    ])
                }
            }
            account.events.add([
                UsageEvent(time: now.day.start, model: models[0], unitPrice: .zero, cost: ExactDecimal(9))
            ])
            let exporter = try await ExporterProcess.start(account.serveArguments, environment: account.environment)
            try await exporter.waitUntilReady()

            let history = account.folder + "/history"
            let arguments = ["backfill", "--config.file", account.configFile, "--storage.path", account.storage]
            let written = try await ExporterProcess.run(
                arguments + ["--output", history, "--label", "job=genai", "--label", "instance=\(exporter.address)"],
                environment: account.environment)
            #expect(written.status == 0, "\(written.errors)")
            let loaded = try Tool.promtool().run([
                "tsdb", "create-blocks-from", "openmetrics", "-q", history, account.folder + "/tsdb",
            ])
            #expect(loaded.status == 0, "\(loaded.output)")
            let prometheus = try PrometheusServer(
                """
                global: { scrape_interval: 1s }
                scrape_configs:
                  - job_name: genai
                    static_configs: [{ targets: ["\(exporter.address)"] }]
                """, in: account.folder, arguments: ["--storage.tsdb.retention.time", "60d"])
            defer { prometheus.stop() }
            while try prometheus.query("genai_cost_usd_total{job=\"genai\"}").count < 3 {
                try await Task.sleep(for: .milliseconds(200))
            }
            for day in 1...3 {
                let midnight = firstOpenDay.advanced(by: 1 - day).start.milliseconds / 1000
                let spent = try prometheus.query("sum by (model) (increase(genai_cost_usd_total[1d]))", at: midnight)
                for (index, model) in models.enumerated() {
                    let increase = try #require(spent[["model": model]])
                    #expect(abs(increase - Double((index + 1) * 2)) < 0.001, "\(model) \(day) days before: \(increase)")
                }
            }
            // Backfilled and scraped samples are one series without resets, whose increase is the amount spent.
            let whole = "max_over_time(genai_cost_usd_total[5d]) - min_over_time(genai_cost_usd_total[5d])"
            #expect(try prometheus.query("sum(resets(genai_cost_usd_total[5d]))").values.first == 0)
            let grown = try prometheus.query("sum by (model) (\(whole))")
            #expect(grown == [["model": models[0]]: 15, ["model": models[1]]: 12, ["model": models[2]]: 18])
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    @Test("flags and config select days and accounts, and the config sets labels") func selection() async throws {
        try await SimulatedAccount.run { account in
            let now = RealClock().now
            for day in 1...3 {
                account.events.add([
                    UsageEvent(
                        time: now.day.advanced(by: -day).start, model: "flux", unitPrice: .zero, cost: ExactDecimal(1))
                ])
            }
            let once = ["once", "--config.file", account.configFile, "--storage.path", account.storage]
            #expect(try await ExporterProcess.run(once, environment: account.environment).status == 0)
            let config = try String(contentsOfFile: account.configFile, encoding: .utf8)
            let renamed = account.folder + "/renamed.yml"
            try (config + "\n    labels: { rename: { model: { flux: fast } } }\n").write(
                toFile: renamed, atomically: true, encoding: .utf8)
            let day = now.day.advanced(by: -2)
            let outcome = try await ExporterProcess.run(
                [
                    "backfill", "--config.file", renamed, "--storage.path", account.storage, "--from", "\(day)", "--to",
                    "\(day)",
                ], environment: account.environment)
            #expect(outcome.status == 0, "\(outcome.errors)")
            let families = try ExpositionParser.parse(Array(outcome.output.utf8), format: .openMetrics100)
            let cost = try #require(families.first { $0.name.hasPrefix("genai_cost_usd") }).samples
            #expect(cost.count == 49)
            #expect(cost.allSatisfy { $0.labels["model"] == "fast" })
            #expect(cost.first?.value == 1)
            #expect(cost.last?.value == 2)
            #expect(outcome.output.hasSuffix("# EOF\n"))

            try (config.replacing("- name: media", with: "- name: other")).write(
                toFile: renamed, atomically: true, encoding: .utf8)
            let other = try await ExporterProcess.run(
                ["backfill", "--config.file", renamed, "--storage.path", account.storage],
                environment: account.environment)
            #expect(other.output == "# EOF\n")
            #expect(other.errors.contains("nothing to write"))
        }
    }

    @Test("a missing ledger and invalid flags are reported") func failures() async throws {
        try await withTemporaryFolder { folder in
            let missing = try await ExporterProcess.run(["backfill", "--storage.path", folder])
            #expect(missing.status == 3)
            #expect(missing.errors.contains("there is no ledger at \(folder)/ledger.sqlite"))
            for wrong in [
                ["--label", "job"], ["--label", "model=x"], ["--label", "a-b=c"], ["--from", "2026-13-01"],
                ["--from", "2026-11-02", "--to", "2026-11-01"],
            ] {
                #expect(try await ExporterProcess.run(["backfill"] + wrong).status == 2)
            }
        }
    }

    @Test("links, pipes and devices are written to, not replaced") func outputTypes() async throws {
        try await SimulatedAccount.run { account in
            let once = ["once", "--config.file", account.configFile, "--storage.path", account.storage]
            #expect(try await ExporterProcess.run(once, environment: account.environment).status == 0)
            let files = FileManager.default
            let (target, link, pipe) = (account.folder + "/target", account.folder + "/link", account.folder + "/pipe")
            try "old".write(toFile: target, atomically: true, encoding: .utf8)
            try files.createSymbolicLink(atPath: link, withDestinationPath: "target")
            let backfill = ["backfill", "--config.file", account.configFile, "--storage.path", account.storage]
            // Without the account's key, because no provider is queried.
            #expect(try await ExporterProcess.run(backfill + ["--output", link]).status == 0)
            #expect(try files.destinationOfSymbolicLink(atPath: link) == "target")
            #expect(try String(contentsOfFile: target, encoding: .utf8).hasSuffix("# EOF\n"))
            #expect(mkfifo(pipe, 0o600) == 0)
            let reader = try Tool(named: "cat", installation: "apt-get install coreutils").process([pipe])
            let read = Pipe()
            reader.standardOutput = read
            try reader.run()
            #expect(try await ExporterProcess.run(backfill + ["--output", pipe]).status == 0)
            let piped = read.fileHandleForReading.readDataToEndOfFile()
            #expect(String(decoding: piped, as: UTF8.self).hasSuffix("# EOF\n"))
            let full = try await ExporterProcess.run(backfill + ["--output", "/dev/full"])
            #expect(full.status == 1)
            #expect(full.errors.contains("cannot write /dev/full: No space left on device"))
            let kind = try files.attributesOfItem(atPath: "/dev/full")[.type] as? FileAttributeType
            #expect(kind == .typeCharacterSpecial)
        }
    }

    @Test("an exporter reads only the accounts of its shard") func shards() async throws {
        try await SimulatedAccount.run { account in
            var holders = 0
            for ordinal in 0..<3 {
                let exporter = try await ExporterProcess.start(
                    account.serveArguments + ["--shard", "\(ordinal)", "--total-shards", "3"],
                    environment: account.environment)
                try await exporter.waitUntilReady()
                let scrape = try await exporter.scrape()
                #expect(scrape.value("genai_exporter_shard_ordinal") == Double(ordinal))
                #expect(scrape.value("genai_exporter_shards") == 3)
                let isHolder = scrape.value("genai_exporter_accounts") == 1
                #expect(scrape.samples("genai_up").isEmpty == !isHolder)
                holders += isHolder ? 1 : 0
                exporter.signal(SIGTERM)
                #expect(try await exporter.waitForExit() == 0)
            }
            #expect(holders == 1)
            for wrong in [["--shard", "3", "--total-shards", "3"], ["--total-shards", "9223372036854775807"]] {
                #expect(try await ExporterProcess.run(account.serveArguments + wrong).status == 2)
            }
        }
    }
}
