import CHeap
import ExporterCore
import ExporterTestSupport
import Foundation
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Four hundred days of all providers with a manual clock. It measures memory, so it must run after all other
/// tests, not in parallel.
@Suite(.serialized) struct LongRunLoadTests {
    /// Retention of day sums and settled slices, in days.
    private static let retention = 30

    @Test("storage and memory stay bounded over 400 days, and no counter decreases", .timeLimit(.minutes(30)))
    func longRun() async throws {
        try await SimulatedFleet.run(
            history: .days(2), load: 0.02, adjust: { $0.global.retention = .days(Self.retention) }
        ) { rig in
            var past = Past()
            let early = try await exporterBytes { try await live(through: 0..<100, in: rig, &past) }
            // Three hundred days without a restart.
            let late = try await exporterBytes { try await live(through: 100..<400, in: rig, &past) }
            let kept = past.storage.filter { $0.key >= 100 }.values
            print(
                "400 days: storage \(past.storage[4] ?? 0) bytes at first, \(kept.min() ?? 0) to \(kept.max() ?? 0) "
                    + "after day 100; memory of an exporter \(early) bytes after 100 days, \(late) after 300 more")
            // The file and its WAL: 30 days of these accounts, plus 4 MiB of WAL.
            #expect(try #require(kept.max()) < 8 << 20)
            #expect(late < early + early / 4)
            try rig.expectNoneMissing(past.usage)
        }
    }

    /// Results so far.
    private struct Past {
        var usage: [String: Double] = [:]
        /// Storage bytes by day.
        var storage: [Int: Int64] = [:]
        let random = SeededRandom(3)
    }

    /// Runs an exporter for the given days.
    ///
    /// - Returns: allocated heap bytes while it still runs.
    private func live(through days: Range<Int>, in rig: SimulatedFleet, _ past: inout Past) async throws -> Int {
        try await rig.withExporter { exporter in
            for day in days {
                // The hour varies from day to day, so that events occur in every order.
                rig.clock.advance(by: .hours(24) + .minutes(past.random.int(-300...300)))
                #expect(try await exporter.syncOnce())
                exporter.noteScrape()
                rig.clock.advance(by: .seconds(91))
                try await exporter.tick()
                rig.log.clear()
                guard day % 5 == 4 else { continue }
                let scrape = try Scrape(exporter.store.current.body(.text004, .identity).bytes)
                expectNothingFell(past.usage, scrape.usage)
                past.usage = scrape.usage
                past.storage[day] = Int64(try #require(scrape.value("genai_exporter_storage_bytes")))
            }
            return genai_heap_bytes()
        }
    }

    /// The memory of a finished exporter run: heap bytes while it ran minus those afterwards, which belong to the
    /// simulator in this process, because it keeps every request.
    private func exporterBytes(_ run: () async throws -> Int) async throws -> Int {
        let running = try await run()
        // Connections and tasks that are ending free their memory with a delay. Wait until no more is freed for two
        // seconds.
        var left = running
        var before: Int
        repeat {
            before = left
            try await Task.sleep(for: .seconds(2))
            left = genai_heap_bytes()
        } while left < before
        return running - left
    }
}

extension SimulatedFleet {
    /// Asserts that every provider that reports cost has some.
    fileprivate func expectNoneMissing(_ usage: [String: Double]) throws {
        for provider in ["wavespeed", "fairstack", "venice"] {
            let cost = usage.filter { $0.key.hasPrefix("genai_cost_usd_total{") && $0.key.contains("=\(provider)}") }
            #expect(cost.values.reduce(0, +) > 0, "\(provider)")
        }
    }
}
