import ExporterCore
import ExporterTestSupport
import Foundation
import NIOConcurrencyHelpers
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

/// Kills the exporter at random times while all providers report usage. No counter may decrease below a scraped
/// value, no usage may be counted twice, and no provider's quota may be exceeded.
///
/// An exporter reads every source as soon as it starts, so that kills hit commits, requests and waits alike. Days are
/// reopened meanwhile, so that kills also hit their commits.
@Suite struct KillTests {
    /// Parallel runs, and the kills in each: 100 in total, or the value of `GENAI_TEST_KILLS`.
    static let worlds = 4
    static let kills = (ProcessInfo.processInfo.environment["GENAI_TEST_KILLS"].flatMap { Int($0) } ?? 100) / worlds

    @Test("kills neither lose nor double usage", .timeLimit(.minutes(30)), arguments: 1...worlds)
    func kills(world number: Int) async throws {
        try await ServedWorld.run(history: .days(1), load: 0.2) { world in
            let random = SeededRandom(UInt64(number))
            var seen: [String: Double] = [:]
            func record(_ scrape: Scrape) {
                let counters = scrape.counters.filter { !$0.key.hasPrefix("genai_exporter_storage_errors") }
                expectNothingFell(seen, counters)
                seen = counters
            }
            for round in 0..<Self.kills {
                let exporter = try await ExporterProcess.start(world.serve)
                // The first response has all durable values.
                record(try await exporter.scrape())
                if round % 2 == 0 { try await reopen(random.int(0...1), world, exporter) }
                try await Task.sleep(for: .milliseconds(random.int(0...250)))
                if round % 3 == 0 { record(try await exporter.scrape()) }
                exporter.signal(SIGKILL)
                try await exporter.waitForExit()
            }
            let requests = world.server.log.requests.count { $0.path == "/cheapestinference/api/usage" }
            #expect((1...12).contains(requests), "\(requests) requests, but 12 in 12 hours are allowed")

            // A second exporter with its own storage, which is never killed, must reach the same values.
            let killed = try await ExporterProcess.start(world.serve)
            let control = try await ExporterProcess.start(world.serve(on: world.folder + "/spared"))
            var differing: [String] = []
            for _ in 0..<120 {
                let (one, other) = (try await killed.scrape(), try await control.scrape())
                record(one)
                let (found, wanted) = (one.spend, other.spend)
                differing = Set(found.keys).union(wanted.keys).filter { found[$0] != wanted[$0] }.sorted()
                if differing.isEmpty, found.count > 50, other.isAllUp { break }
                try await Task.sleep(for: .milliseconds(500))
            }
            #expect(differing.isEmpty, "\(differing.prefix(5))")
            killed.signal(SIGTERM)
            control.signal(SIGTERM)
            #expect(try await killed.waitForExit() == 0)
            #expect(try await control.waitForExit() == 0)
        }
    }
}

/// Requests a new reading of one or two days of every account.
private func reopen(_ daysAgo: Int, _ world: ServedWorld, _ exporter: ExporterProcess) async throws {
    let today = SystemClock().now.day
    for account in world.world.accounts {
        let days = "from=\(today.advanced(by: -daysAgo))&to=\(today)"
        let response = try await exporter.get("/-/sync?account=\(account.name)&\(days)", method: "POST")
        // 409: CheapestInference cannot be queried by date.
        #expect([202, 409].contains(response.status))
    }
}

extension Scrape {
    /// Usage counters without those derived from rolling totals, which depend on the times of reading, and without
    /// corrections, which depend on earlier readings.
    fileprivate var spend: [String: Double] {
        usage.filter { name, _ in
            !(name.contains("provider=cheapestinference") && !name.contains("cost")) && !name.contains("corrections")
        }
    }
}
