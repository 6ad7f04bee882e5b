import ExporterTestSupport
import Foundation
import ProviderSimulator
import TestSupport
import Testing
import UsageLedger
import UsageModel

@testable import ExporterCore

/// Snapshots of the ledger on the config's schedule, with a clock that the test moves.
@Suite struct ScheduledSnapshotTests {
    private static let lastSuccess = "genai_exporter_snapshot_last_success_timestamp_seconds"
    private static let interval = "genai_exporter_snapshot_interval_seconds"
    private static let total = "genai_exporter_snapshots_total"

    /// The config's section, in a folder next to the ledger's.
    private func section(_ rig: WaveSpeedRig, keep: Int = 3, folder: String = "snapshots") -> SnapshotConfiguration {
        SnapshotConfiguration(every: .hours(6), keep: keep, path: rig.rig.folder + "/" + folder)
    }

    /// Runs a body with an exporter that has a section `snapshot`.
    private func withExporter(
        _ rig: WaveSpeedRig, _ section: SnapshotConfiguration, log: CapturedLog = CapturedLog(), shard: Shard = .whole,
        _ body: (Exporter) async throws -> Void
    ) async throws {
        var configuration = rig.rig.configuration
        configuration.snapshot = section
        let rig = ExporterRig(clock: rig.clock, folder: rig.rig.folder + "/data", configuration: configuration)
        try await rig.withExporter(
            adjust: {
                $0.logger = log.logger(clock: rig.clock)
                $0.shard = shard
            }, body)
    }

    private func files(_ section: SnapshotConfiguration) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: section.path).sorted()
    }

    private func count(_ exporter: Exporter, _ result: String) throws -> Double? {
        try exporter.scrape().value(Self.total, ["result": result])
    }

    /// Milliseconds are not part of a file's name.
    @Test("the newest are kept, whatever the milliseconds of the clock", arguments: [1, 2, 3])
    func keepAtFractions(keep: Int) async throws {
        try await WaveSpeedRig.run(at: friday + .milliseconds(987)) { rig in
            let section = section(rig, keep: keep)
            try await withExporter(rig, section) { (exporter: Exporter) async throws -> Void in
                for count in 1...5 {
                    await exporter.snapshots.writeIfDue()
                    #expect(try files(section).count == min(count, keep))
                    #expect(
                        try exporter.scrape().value(Self.lastSuccess) == (friday + .hours(6 * (count - 1))).seconds)
                    rig.clock.advance(by: .hours(6))
                }
            }
        }
    }

    private func write(_ text: String, to path: String) throws {
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }

    @Test("a snapshot is written at each interval, intact and readable by its owner only")
    func cadence() async throws {
        try await WaveSpeedRig.run { rig in
            rig.events.add(
                TestTraffic(random: SeededRandom(5)).events(50, in: Period(start: friday - .days(3), end: friday)))
            let section = section(rig)
            try await withExporter(rig, section) { (exporter: Exporter) async throws -> Void in
                #expect(try exporter.scrape().value(Self.interval) == 21_600)
                #expect(try exporter.scrape().samples(Self.lastSuccess).isEmpty)
                #expect(try count(exporter, "success") == 0 && count(exporter, "failure") == 0)
                _ = try await exporter.syncOnce()
                for _ in 0..<3 { await exporter.snapshots.writeIfDue() }
                #expect(try files(section) == ["ledger-2026-11-20T150000Z.sqlite"])
                #expect(try exporter.scrape().value(Self.lastSuccess) == friday.seconds)

                rig.clock.advance(by: .hours(6) - .milliseconds(1))
                await exporter.snapshots.writeIfDue()
                #expect(try count(exporter, "success") == 1)
                rig.clock.advance(by: .milliseconds(1) + .milliseconds(999))
                await exporter.snapshots.writeIfDue()
                #expect(
                    try files(section)
                        == ["ledger-2026-11-20T150000Z.sqlite", "ledger-2026-11-20T210000Z.sqlite"])
                #expect(try count(exporter, "success") == 2)
                for file in try files(section) {
                    let path = section.path + "/" + file
                    let verification = try await LedgerVerification.verify(path)
                    #expect(verification.problems.isEmpty)
                    #expect(verification.contents.accounts.map(\.name) == ["media"])
                    #expect(verification.contents.accounts.allSatisfy { $0.series > 5 })
                    let attributes = try FileManager.default.attributesOfItem(atPath: path)
                    #expect(attributes[.posixPermissions] as? Int == 0o600)
                }
                let folder = try FileManager.default.attributesOfItem(atPath: section.path)
                #expect(folder[.posixPermissions] as? Int == 0o700)
            }
        }
    }

    @Test("a restart neither skips nor doubles a snapshot, and restores the time of the newest")
    func restarts() async throws {
        try await WaveSpeedRig.run { rig in
            let section = section(rig)
            try await withExporter(rig, section) { await $0.snapshots.writeIfDue() }
            rig.clock.advance(by: .hours(5))
            try await withExporter(rig, section) { (exporter: Exporter) async throws -> Void in
                await exporter.snapshots.writeIfDue()
                #expect(try exporter.scrape().value(Self.lastSuccess) == friday.seconds)
                #expect(try count(exporter, "success") == 0)
                #expect(try files(section).count == 1)
                rig.clock.advance(by: .hours(1))
                await exporter.snapshots.writeIfDue()
                #expect(try files(section).count == 2)
            }
            // After a pause of several intervals one is due.
            rig.clock.advance(by: .days(2))
            try await withExporter(rig, section) { (exporter: Exporter) async throws -> Void in
                for _ in 0..<3 { await exporter.snapshots.writeIfDue() }
                #expect(try count(exporter, "success") == 1)
                #expect(try files(section).last == "ledger-2026-11-22T210000Z.sqlite")
            }
        }
    }

    @Test("the newest are kept, and only files with exactly the name of a snapshot are deleted")
    func keep() async throws {
        try await WaveSpeedRig.run { rig in
            let section = section(rig, keep: 2)
            let others = [
                "ledger-2020-01-01T000000Z.sqlite.bak", "ledger-2020-01-01T000060Z.sqlite",
                "ledger-2020-02-30T000000Z.sqlite", "ledger-shard1-2020-01-01T000000Z.sqlite", "ledger.sqlite",
                "my-ledger-2020-01-01T000000Z.sqlite", "notes",
            ]
            try FileManager.default.createDirectory(atPath: section.path, withIntermediateDirectories: true)
            for name in others + ["ledger-2020-01-01T000000Z.sqlite"] { try write("x", to: section.path + "/" + name) }
            try await withExporter(rig, section) { (exporter: Exporter) async throws -> Void in
                for _ in 0..<4 {
                    await exporter.snapshots.writeIfDue()
                    rig.clock.advance(by: .hours(6))
                }
                #expect(
                    try files(section)
                        == (others + ["ledger-2026-11-21T030000Z.sqlite", "ledger-2026-11-21T090000Z.sqlite"]).sorted())
            }
        }
    }

    @Test("a failed snapshot is logged once, retried after a growing delay, and deletes nothing")
    func failure() async throws {
        try await WaveSpeedRig.run { rig in
            let log = CapturedLog()
            let section = section(rig, keep: 1)
            try await withExporter(rig, section, log: log) { (exporter: Exporter) async throws -> Void in
                await exporter.snapshots.writeIfDue()
                let kept = try files(section)
                // A folder with the name of the next draft cannot be deleted as a file.
                let obstacle = section.path + "/ledger-2026-11-20T210000Z.sqlite.new"
                try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: false)
                rig.clock.advance(by: .hours(6))
                log.clear()
                for (failures, delay) in [(1, 60), (2, 120), (3, 240)] {
                    await exporter.snapshots.writeIfDue()
                    #expect(try count(exporter, "failure") == Double(failures))
                    rig.clock.advance(by: .seconds(delay - 1))
                    await exporter.snapshots.writeIfDue()
                    #expect(try count(exporter, "failure") == Double(failures))
                    rig.clock.advance(by: .seconds(1))
                }
                let errors = log.lines.filter { $0.contains("level=error") }
                #expect(errors.count == 1)
                #expect(errors.first?.contains("ledger-2026-11-20T210000Z.sqlite.new: Is a directory") == true)
                #expect(try files(section) == kept + ["ledger-2026-11-20T210000Z.sqlite.new"])
                #expect(try exporter.scrape().value(Self.lastSuccess) == friday.seconds)
                #expect(try count(exporter, "success") == 1)

                try FileManager.default.removeItem(atPath: obstacle)
                await exporter.snapshots.writeIfDue()
                #expect(try files(section) == ["ledger-2026-11-20T210700Z.sqlite"])
                #expect(log.lines.contains { $0.contains("ledger snapshots succeed again") })
                #expect(try exporter.scrape().value(Self.lastSuccess) == (friday + .hours(6) + .minutes(7)).seconds)
            }
        }
    }

    @Test("a folder that cannot be made is a failure with its reason, and scrapes and syncs continue")
    func noFolder() async throws {
        try await WaveSpeedRig.run { rig in
            let log = CapturedLog()
            let section = section(rig, folder: "file/snapshots")
            try write("in the way", to: rig.rig.folder + "/file")
            try await withExporter(rig, section, log: log) { (exporter: Exporter) async throws -> Void in
                await exporter.snapshots.writeIfDue()
                #expect(try count(exporter, "failure") == 1)
                let reason = "cannot make the folder \(section.path): Not a directory; set snapshot.path to a folder"
                #expect(log.lines.contains { $0.contains("level=error") && $0.contains(reason) })
                #expect(try await exporter.syncOnce())
                #expect(try exporter.scrape().samples(Self.lastSuccess).isEmpty)
            }
        }
    }

    @Test("files dated in the future neither stop snapshots nor are deleted")
    func future() async throws {
        try await WaveSpeedRig.run { rig in
            let section = section(rig, keep: 1)
            let dated = ["ledger-2099-01-01T000000Z.sqlite", "ledger-2099-01-02T000000Z.sqlite"]
            try FileManager.default.createDirectory(atPath: section.path, withIntermediateDirectories: true)
            for name in dated { try write("x", to: section.path + "/" + name) }
            try await withExporter(rig, section) { (exporter: Exporter) async throws -> Void in
                for _ in 0..<2 {
                    await exporter.snapshots.writeIfDue()
                    rig.clock.advance(by: .hours(6))
                }
                #expect(try files(section) == ["ledger-2026-11-20T210000Z.sqlite"] + dated)
                #expect(try exporter.scrape().value(Self.lastSuccess) == (friday + .hours(6)).seconds)
            }
        }
    }

    @Test("a clock that is set back makes at most one more snapshot, and never stops them")
    func clockSetBack() async throws {
        try await WaveSpeedRig.run { rig in
            let section = section(rig, keep: 1)
            try await withExporter(rig, section) { (exporter: Exporter) async throws -> Void in
                rig.clock.advance(by: .days(30))
                await exporter.snapshots.writeIfDue()
                let ahead = try files(section)
                // By seconds: the newest snapshot counts although it is dated later.
                rig.clock.advance(by: .seconds(-90))
                await exporter.snapshots.writeIfDue()
                #expect(try files(section) == ahead)
                // By a month.
                rig.clock.move(to: friday)
                for _ in 0..<3 { await exporter.snapshots.writeIfDue() }
                #expect(try count(exporter, "success") == 2)
                #expect(try files(section) == ["ledger-2026-11-20T150000Z.sqlite"] + ahead)
                #expect(try exporter.scrape().value(Self.lastSuccess) == friday.seconds)
                rig.clock.advance(by: .hours(6))
                await exporter.snapshots.writeIfDue()
                #expect(try files(section) == ["ledger-2026-11-20T210000Z.sqlite"] + ahead)
            }
        }
    }

    @Test("a reload adds, changes and removes the section")
    func reload() async throws {
        try await WaveSpeedRig.run { rig in
            try await rig.rig.withExporter { (exporter: Exporter) async throws -> Void in
                await exporter.snapshots.writeIfDue()
                for family in [Self.lastSuccess, Self.interval, Self.total] {
                    #expect(try exporter.scrape().samples(family).isEmpty)
                }
                var configuration = rig.rig.configuration
                configuration.snapshot = section(rig)
                try await exporter.reload(configuration)
                #expect(try exporter.scrape().value(Self.interval) == 21_600)
                await exporter.snapshots.writeIfDue()
                #expect(try files(section(rig)).count == 1)

                let other = section(rig, folder: "others")
                configuration.snapshot = other
                try await exporter.reload(configuration)
                #expect(try exporter.scrape().samples(Self.lastSuccess).isEmpty)
                await exporter.snapshots.writeIfDue()
                #expect(try files(other).count == 1 && files(section(rig)).count == 1)
                #expect(try count(exporter, "success") == 2)

                configuration.snapshot = nil
                try await exporter.reload(configuration)
                rig.clock.advance(by: .hours(12))
                await exporter.snapshots.writeIfDue()
                #expect(try files(other).count == 1)
                for family in [Self.lastSuccess, Self.interval, Self.total] {
                    #expect(try exporter.scrape().samples(family).isEmpty)
                }
            }
        }
    }

    @Test("a reload retries a failed snapshot at once, and a rejected config changes nothing")
    func reloadAfterFailure() async throws {
        try await WaveSpeedRig.run { rig in
            let section = section(rig, folder: "file/snapshots")
            let file = rig.rig.folder + "/file"
            try write("in the way", to: file)
            try await withExporter(rig, section) { (exporter: Exporter) async throws -> Void in
                await exporter.snapshots.writeIfDue()
                try FileManager.default.removeItem(atPath: file)
                var configuration = rig.rig.configuration
                configuration.accounts[0].baseURL = "nonsense"
                await #expect(throws: (any Error).self) { try await exporter.reload(configuration) }
                #expect(try exporter.scrape().value(Self.interval) == 21_600)
                configuration = rig.rig.configuration
                configuration.snapshot = section
                try await exporter.reload(configuration)
                await exporter.snapshots.writeIfDue()
                #expect(try count(exporter, "success") == 1)
            }
        }
    }

    @Test("shards that share a folder keep their own snapshots")
    func shards() async throws {
        try await WaveSpeedRig.run { rig in
            let section = section(rig, keep: 1)
            for ordinal in 0..<2 {
                let shard = try #require(Shard(ordinal: ordinal, total: 2))
                try await withExporter(rig, section, shard: shard) { (exporter: Exporter) async throws -> Void in
                    for _ in 0..<2 {
                        await exporter.snapshots.writeIfDue()
                        rig.clock.advance(by: .hours(6))
                    }
                }
            }
            #expect(
                try files(section)
                    == ["ledger-shard0-2026-11-20T210000Z.sqlite", "ledger-shard1-2026-11-21T090000Z.sqlite"])
        }
    }

    @Test("incomplete snapshots of a killed process are deleted")
    func drafts() async throws {
        try await WaveSpeedRig.run { rig in
            let section = section(rig)
            try FileManager.default.createDirectory(atPath: section.path, withIntermediateDirectories: true)
            let draft = "ledger-2026-11-20T090000Z.sqlite.new"
            for name in [draft, draft + "-journal", "ledger-shard1-" + draft.dropFirst(7)] {
                try write("x", to: section.path + "/" + name)
            }
            try await withExporter(rig, section) { (exporter: Exporter) async throws -> Void in
                await exporter.snapshots.writeIfDue()
                #expect(
                    try files(section)
                        == ["ledger-2026-11-20T150000Z.sqlite", "ledger-shard1-2026-11-20T090000Z.sqlite.new"])
            }
        }
    }

    @Test("a running exporter writes snapshots by itself")
    func running() async throws {
        try await WaveSpeedRig.run(sleeping: .waits) { rig in
            let section = section(rig)
            try await withExporter(rig, section) { (exporter: Exporter) async throws -> Void in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await exporter.run() }
                    while try exporter.scrape().samples(Self.lastSuccess).isEmpty { await Task.yield() }
                    rig.clock.advance(by: .hours(6))
                    while try exporter.scrape().value(Self.lastSuccess) == friday.seconds {
                        rig.clock.advance(by: LedgerSnapshots.interval)
                        try await Task.sleep(for: .milliseconds(5))
                    }
                    #expect(try count(exporter, "success") == 2)
                    group.cancelAll()
                }
            }
        }
    }
}
