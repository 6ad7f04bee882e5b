import ExporterCore
import Foundation
import ProviderSimulator
import TestSupport
import Testing
import UsageModel

@testable import ExporterCore

/// Four hundred days of all five providers by a clock that a test turns. It measures memory, so it runs with nothing
/// beside it, after all the rest.
@Suite(.serialized) struct LongRunLoadTests {
    /// How long day sums and settled slices are kept.
    private static let retention = 30

    @Test(.timeLimit(.minutes(30))) func fourHundredDaysKeepStorageAndMemoryBoundedAndNoCounterFalls() async throws {
        try await FiveProviders.run(
            history: .days(2), load: 0.02, adjust: { $0.global.retention = .days(Self.retention) }
        ) { rig in
            var storage: [Int: Int64] = [:]
            var memory: [Int: Int] = [:]
            let random = SeededRandom(3)
            var seen: [String: Double] = [:]
            try await rig.withExporter { exporter in
                for day in 0..<400 {
                    // At another hour of each day, so that everything falls before and after everything else.
                    rig.clock.advance(by: .hours(24) + .minutes(random.int(-300...300)))
                    #expect(try await exporter.syncOnce())
                    rig.clock.advance(by: .seconds(91))
                    try await exporter.tick()
                    rig.log.clear()
                    guard day % 5 == 4 else { continue }
                    let scrape = try Scrape(exporter.store.current.body(.text004, .identity).bytes)
                    expectNothingFell(seen, scrape.usage)
                    seen = scrape.usage
                    storage[day] = Int64(try #require(scrape.value("genai_exporter_storage_bytes")))
                    memory[day] = try residentBytes()
                }
            }
            let kept = (100..<400).compactMap { storage[$0] }
            let early = try #require(memory[99])
            let late = try #require(memory[399])
            print(
                "400 days: storage \(storage[4] ?? 0) bytes at first, at most \(kept.max() ?? 0) and at last "
                    + "\(kept.last ?? 0) after day 100; memory \(early) bytes on day 99, \(late) on day 399")
            // The file and its log: what 30 days of these accounts take, with the log's 4 MiB.
            #expect(try #require(kept.max()) < 8 << 20)
            // The simulator in this process keeps every request ever made, which is most of what comes together here.
            #expect(late - early < 64 << 20)
            try rig.expectNoneMissing(seen)
        }
    }

    private func residentBytes() throws -> Int {
        let words = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return try #require(Int(words[1])) * Int(getpagesize())
    }
}

extension FiveProviders {
    /// Holds that the costs of the whole time are the providers' own.
    fileprivate func expectNoneMissing(_ usage: [String: Double]) throws {
        for provider in ["wavespeed", "fairstack", "venice"] {
            let cost = usage.filter { $0.key.hasPrefix("genai_cost_usd_total{") && $0.key.contains("=\(provider)}") }
            #expect(cost.values.reduce(0, +) > 0, "\(provider)")
        }
    }
}
