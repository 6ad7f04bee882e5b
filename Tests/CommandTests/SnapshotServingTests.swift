import Foundation
import ProviderSimulator
import TestSupport
import Testing
import UsageModel

/// Snapshots that a running exporter writes as its config says.
@Suite(.timeLimit(.minutes(5))) struct SnapshotServingTests {
    private static let total = "genai_exporter_snapshots_total"
    private static let lastSuccess = "genai_exporter_snapshot_last_success_timestamp_seconds"

    private func spend(_ account: SimulatedAccount, _ usd: Int) {
        account.events.add([
            UsageEvent(time: RealClock().now, model: "flux", unitPrice: .zero, cost: ExactDecimal(usd))
        ])
    }

    private func addSection(_ text: String, to account: SimulatedAccount) throws {
        let config = try String(contentsOfFile: account.configFile, encoding: .utf8)
        try (text + "\n" + config).write(toFile: account.configFile, atomically: true, encoding: .utf8)
    }

    private func cost(_ output: String) throws -> [Double] {
        try Scrape(Array(output.utf8)).samples("genai_cost_usd_total").map(\.value)
    }

    @Test("serve writes snapshots that verify accepts while it is scraped and syncs, and one restores the counters")
    func serving() async throws {
        try await SimulatedAccount.run(interval: "300ms") { account in
            let folder = account.folder + "/backups"
            try addSection("snapshot: { every: 10s, keep: 2, path: backups }", to: account)
            let exporter = try await ExporterProcess.start(account.serveArguments, environment: account.environment)
            try await exporter.waitUntilReady()
            var spent = 0
            var synced = 0.0
            let scrape = try await exporter.scrape { scrape in
                spend(account, 1)
                spent += 1
                let cost = scrape.value("genai_cost_usd_total") ?? 0
                #expect(cost >= synced)
                synced = cost
                return scrape.value(Self.total, ["result": "success"]) ?? 0 >= 3
            }
            #expect(scrape.value(Self.total, ["result": "failure"]) == 0)
            #expect(scrape.value("genai_exporter_snapshot_interval_seconds") == 10)
            #expect(scrape.value("genai_exporter_storage_errors_total") == 0)
            #expect(scrape.value("genai_syncs_total", ["source": "usage_stats", "result": "storage"]) == 0)
            _ = try await exporter.scrape { $0.value("genai_cost_usd_total") == Double(spent) }
            let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            #expect(names.count { $0.hasSuffix(".sqlite") } == 2, "\(names)")
            for name in names where name.hasSuffix(".sqlite") {
                let verified = try await ExporterProcess.run(["ledger", "verify", "\(folder)/\(name)"])
                #expect(verified.status == 0, "\(verified.errors)")
                #expect(verified.output.hasSuffix("intact\n"))
            }
            #expect(exporter.log.contains("ledger snapshot written"))
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)

            // Restore: the newest snapshot as the ledger of an empty folder. Later usage is read again.
            let restored = account.folder + "/restored"
            try FileManager.default.createDirectory(atPath: restored, withIntermediateDirectories: true)
            let newest = try #require(names.last { $0.hasSuffix(".sqlite") })
            try FileManager.default.copyItem(atPath: "\(folder)/\(newest)", toPath: restored + "/ledger.sqlite")
            let outcome = try await ExporterProcess.run(
                ["once", "--config.file", account.configFile, "--storage.path", restored],
                environment: account.environment)
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(try cost(outcome.output) == [Double(spent)])
        }
    }

    @Test("the schedule continues after a restart, and a reload removes it")
    func restart() async throws {
        try await SimulatedAccount.run { account in
            let config = try String(contentsOfFile: account.configFile, encoding: .utf8)
            try addSection("snapshot: { path: \(account.storage)/snapshots }", to: account)
            var time: Double?
            for run in 0..<2 {
                let exporter = try await ExporterProcess.start(account.serveArguments, environment: account.environment)
                let scrape = try await exporter.scrape { !$0.samples(Self.lastSuccess).isEmpty }
                #expect(scrape.value(Self.total, ["result": "success"]) == (run == 0 ? 1 : 0))
                #expect(time == nil || time == scrape.value(Self.lastSuccess).map { $0.rounded(.down) })
                time = scrape.value(Self.lastSuccess).map { $0.rounded(.down) }
                if run == 1 {
                    try config.write(toFile: account.configFile, atomically: true, encoding: .utf8)
                    exporter.signal(SIGHUP)
                    _ = try await exporter.scrape { $0.samples(Self.total).isEmpty }
                }
                exporter.signal(SIGTERM)
                #expect(try await exporter.waitForExit() == 0)
            }
        }
    }

    @Test("a ledger on storage without shared memory, which no other process can read, is copied too")
    func networkStorage() async throws {
        try await SimulatedAccount.run { account in
            spend(account, 5)
            try addSection("snapshot: { every: 10s, path: backups }", to: account)
            let tool = try Tool(named: "strace", installation: "apt-get install strace")
            let exporter = try await ExporterProcess.start(
                account.serveArguments, environment: account.environment,
                by: (
                    tool,
                    [
                        "-f", "-qq", "-o", "/dev/null", "-e", "trace=mmap", "-e", "inject=mmap:error=EINVAL", "-P",
                        account.storage + "/ledger.sqlite-shm",
                    ]
                ))
            _ = try await exporter.scrape { $0.value(Self.total, ["result": "success"]) ?? 0 >= 2 }
            _ = try await exporter.scrape { $0.value("genai_cost_usd_total") == 5 }
            #expect(exporter.log.contains("no shared memory"))
            let folder = account.folder + "/backups"
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) where name.hasSuffix(".sqlite") {
                #expect(try await ExporterProcess.run(["ledger", "verify", "\(folder)/\(name)"]).status == 0)
            }
            // The lock names the exporter itself; a signal to its tracer would leave it running.
            let lock = try String(contentsOfFile: account.storage + "/lock", encoding: .utf8)
            kill(try #require(lock.split(separator: " ").first.flatMap { Int32($0) }), SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }
}
