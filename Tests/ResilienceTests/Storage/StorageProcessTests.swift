import ExporterCore
import ExporterTestSupport
import Foundation
import Testing
import TestSupport
import UsageModel

/// Storage faults of a running exporter that reads all providers.
@Suite(.serialized, .timeLimit(.minutes(15))) struct StorageProcessTests {
    @Test("a full disk is reported, only durable values are served, and free space is enough to recover")
    func fullDisk() async throws {
        try await ServedWorld.run(interval: "1h") { world in
            let disk = try SmallDisk(at: world.storage, size: "12m")
            let exporter = try await ExporterProcess.start(world.serve, by: disk.launcher)
            let healthy = try await exporter.healthyScrape()
            #expect(healthy.value("genai_exporter_storage_errors_total") == 0)

            let filling = disk.path(of: exporter) + "/filling"
            try fill(filling)
            try await syncNow(exporter)
            let scrape = try await exporter.scrape {
                !$0.isAllUp && $0.value("genai_exporter_storage_errors_total") ?? 0 > 0
            }
            expectNothingFell(healthy.usage, scrape.usage)
            #expect(exporter.log.contains("reason=storage"))
            try await world.expectNoSecrets(of: exporter)
            #expect(exporter.log.contains("the disk is full"))

            // Simulates a kill: another exporter, without access to providers, reads a copy of the storage.
            exporter.signal(SIGSTOP)
            let copy = world.folder + "/copy"
            try FileManager.default.copyItem(atPath: disk.path(of: exporter), toPath: copy)
            try FileManager.default.removeItem(atPath: copy + "/filling")
            exporter.signal(SIGCONT)
            let shown = try await exporter.scrape()
            let other = try await ExporterProcess.start(world.serveAlone(on: copy))
            expectNothingFell(scrape.usage, try await other.scrape().usage)
            other.signal(SIGKILL)
            try await other.waitForExit()

            try FileManager.default.removeItem(atPath: filling)
            try await syncNow(exporter)
            let after = try await exporter.scrape { $0.isAllUp }
            expectNothingFell(shown.counters, after.counters)
            #expect(after.samples("genai_syncs_total").contains { $0.labels["result"] == "storage" && $0.value > 0 })
            try await stop(exporter, of: world)
        }
    }

    @Test("a file size limit is reported and recovered from")
    func fileSizeLimit() async throws {
        try await ServedWorld.run(interval: "1h") { world in
            let exporter = try await ExporterProcess.start(world.serve)
            let healthy = try await exporter.healthyScrape()
            let prlimit = try Tool(named: "prlimit", installation: "apt-get install util-linux")
            func limit(_ size: String) throws {
                let outcome = try prlimit.run(["--pid", "\(exporter.processIdentifier)", "--fsize=\(size):unlimited"])
                #expect(outcome.status == 0, "\(outcome.output)")
            }
            try limit("4096")
            try await syncNow(exporter)
            let scrape = try await exporter.scrape {
                $0.samples("genai_up").contains { $0.value == 0 }
                    && $0.value("genai_exporter_storage_errors_total") ?? 0 > 0
            }
            expectNothingFell(healthy.usage, scrape.usage)
            #expect(exporter.log.contains("quota is used up"))
            try await world.expectNoSecrets(of: exporter)
            try limit("unlimited")
            try await syncNow(exporter)
            expectNothingFell(scrape.counters, try await exporter.scrape { $0.isAllUp }.counters)
            try await stop(exporter, of: world)
        }
    }

    @Test("read-only storage is reported and recovered from")
    func readOnlyStorage() async throws {
        try await ServedWorld.run(interval: "1h") { world in
            let disk = try SmallDisk(at: world.storage, size: "16m")
            let exporter = try await ExporterProcess.start(world.serve, by: disk.launcher)
            let healthy = try await exporter.healthyScrape()
            // A mount with open files cannot be remounted read-only: another one is mounted over it.
            try disk.inside(exporter, ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", world.storage])
            try await syncNow(exporter)
            let limited = ["source": "api_usage"]
            let scrape = try await exporter.scrape { $0.value("genai_up", limited) == 0 }
            expectNothingFell(healthy.usage, scrape.usage)
            #expect(exporter.log.contains("Read-only file system"))
            // No request was sent, so the retry does not wait for the next one that the provider's allowance plans.
            let next = try #require(scrape.value("genai_sync_next_timestamp_seconds", limited))
            let last = try #require(scrape.value("genai_sync_last_attempt_timestamp_seconds", limited))
            #expect(next - last < 60)
            try await world.expectNoSecrets(of: exporter)
            try disk.inside(exporter, ["umount", world.storage])
            try await syncNow(exporter)
            expectNothingFell(scrape.counters, try await exporter.scrape { $0.isAllUp }.counters)
            // Housekeeping logs the recovery of a logged fault at one of its next checks.
            while exporter.log.contains("cannot be used"), !exporter.log.contains("the storage can be used again") {
                try await Task.sleep(for: .milliseconds(100))
            }
            try await stop(exporter, of: world)
        }
    }

    @Test("a truncated ledger is quarantined and rebuilt while old values are served")
    func truncatedLedger() async throws {
        try await ServedWorld.run(interval: "1h") { world in
            let exporter = try await ExporterProcess.start(world.serve)
            let healthy = try await exporter.healthyScrape()
            #expect(truncate(world.storage + "/ledger.sqlite", 4096) == 0)
            let families = ["genai_cost_usd_total", "genai_requests_total", "genai_tokens_total"]
            let rebuilt = try await exporter.scrape { scrape in
                // Every scrape has usage, before, during and after the recovery.
                #expect(families.allSatisfy { !scrape.samples($0).isEmpty })
                let isSetAside = !scrape.samples("genai_exporter_storage_set_aside_timestamp_seconds").isEmpty
                return isSetAside && scrape.isAllUp
            }
            let names = rebuilt.samples("genai_exporter_storage_set_aside_timestamp_seconds").map(\.labels)
            let file = try #require(names.first?["file"])
            #expect(FileManager.default.fileExists(atPath: world.storage + "/" + file))
            #expect(exporter.log.components(separatedBy: "the damaged ledger was quarantined").count == 2)
            #expect(rebuilt.value("genai_exporter_storage_errors_total") ?? 0 > 0)
            try await world.expectNoSecrets(of: exporter)
            // The providers still report the whole history here.
            let lasting = ["genai_cost_usd_total", "genai_key_cost_usd_total"]
            for (series, value) in healthy.counters where lasting.contains(where: { series.hasPrefix($0 + "{") }) {
                #expect(rebuilt.counters[series] ?? -1 >= value, "\(series)")
            }
            try await stop(exporter, of: world)
        }
    }

    @Test("a deleted storage folder is recreated")
    func deletedFolder() async throws {
        try await ServedWorld.run(interval: "1h") { world in
            let exporter = try await ExporterProcess.start(world.serve)
            let healthy = try await exporter.healthyScrape()
            try FileManager.default.removeItem(atPath: world.storage)
            // Recreated by the first commit; the sources that failed retry.
            while !FileManager.default.fileExists(atPath: world.storage + "/ledger.sqlite-wal") {
                try await syncNow(exporter)
                try await Task.sleep(for: .milliseconds(200))
            }
            let after = try await exporter.scrape { $0.isAllUp }
            expectNothingFell(healthy.counters, after.counters)
            exporter.signal(SIGKILL)
            try await exporter.waitForExit()
            let again = try await ExporterProcess.start(world.serveAlone(on: world.storage))
            expectNothingFell(after.usage, try await again.scrape().usage)
            #expect(!again.log.contains("quarantined"))
            again.signal(SIGKILL)
        }
    }

    @Test("unusable storage at startup ends the exporter with one line")
    func unusableStorage() async throws {
        try await ServedWorld.run(interval: "1h") { world in
            let first = try await ExporterProcess.start(world.serve)
            try await first.waitUntilReady()
            let second = try await ExporterProcess.run(world.serve + ["--web.listen-address", "127.0.0.1:0"])
            #expect(second.status == 3)
            #expect(second.complaint.contains("in use by process \(first.processIdentifier)"))
            #expect(try await first.scrape().isAllUp)
            try await stop(first, of: world)

            for (mount, reason) in [("ro", "Read-only file system"), ("size=8k", "full")] {
                let disk = try SmallDisk(at: world.folder + "/" + mount, options: mount)
                let outcome = try disk.run(world.serve(on: disk.path))
                #expect(outcome.status == 3, "\(mount)")
                #expect(outcome.output.contains(reason) && outcome.output.contains(disk.path), "\(outcome.output)")
            }

            // As another user, or as this one without write permission.
            chmod(world.storage, 0o500)
            let tool = geteuid() == 0 ? Tool(path: "/usr/bin/setpriv") : Tool(path: "/usr/bin/env")
            let user = geteuid() == 0 ? ["--reuid=65534", "--regid=65534", "--clear-groups"] : []
            let outcome = try tool.run(
                user + [ExporterProcess.binary.path] + world.serve + ["--web.listen-address", "127.0.0.1:0"])
            chmod(world.storage, 0o700)
            #expect(outcome.status == 3 && outcome.output.contains(world.storage), "\(outcome.output)")
        }
    }

    /// Requests a sync of every source, as soon as the rate limit allows it.
    private func syncNow(_ exporter: ExporterProcess) async throws {
        var status: Int
        repeat {
            status = try await exporter.get("/-/sync", method: "POST").status
            if status == 429 { try await Task.sleep(for: .milliseconds(500)) }
        } while status == 429
        #expect(status == 202)
    }

    private func stop(_ exporter: ExporterProcess, of world: ServedWorld) async throws {
        try await world.expectNoSecrets(of: exporter)
        exporter.signal(SIGTERM)
        #expect(try await exporter.waitForExit() == 0)
    }

    /// Writes until the disk is full.
    private func fill(_ path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        try #require(file >= 0)
        defer { close(file) }
        for size in [65_536, 4096, 1] {
            let zeros = [UInt8](repeating: 0, count: size)
            while write(file, zeros, size) == size {}
        }
    }
}

extension ExporterProcess.Outcome {
    fileprivate var complaint: Substring { errors.split(separator: "\n").last ?? "" }
}
