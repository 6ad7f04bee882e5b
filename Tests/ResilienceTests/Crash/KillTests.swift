import ExporterCore
import ExporterTestSupport
import Foundation
import NIOConcurrencyHelpers
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

/// Kills at any moment, with all five providers' data coming in: no series is lower than it was scraped, none
/// is counted twice, and no allowance of a provider is passed.
///
/// An exporter reads every source as soon as it starts, so that kills fall into commits, calls and waits alike. Days are
/// re-opened meanwhile, so that kills fall into their commits too.
@Suite struct KillTests {
    /// Worlds that are gone through beside each other, and the kills in each: 100 in all, or as many as the variable
    /// `GENAI_TEST_KILLS` says.
    static let worlds = 4
    static let kills = (ProcessInfo.processInfo.environment["GENAI_TEST_KILLS"].flatMap { Int($0) } ?? 100) / worlds

    @Test(.timeLimit(.minutes(30)), arguments: 1...worlds)
    func killsLoseNothingAndDoubleNothing(world number: Int) async throws {
        try await ServedWorld.run(history: .days(1), load: 0.2) { world in
            let random = SeededRandom(UInt64(number))
            var seen: [String: Double] = [:]
            func takeNote(of scrape: Scrape) {
                let counters = scrape.counters.filter { !$0.key.hasPrefix("genai_exporter_storage_errors") }
                expectNothingFell(seen, counters)
                seen = counters
            }
            for round in 0..<Self.kills {
                let exporter = try await ExporterProcess.start(world.serve)
                // What was durable is there with the first answer.
                takeNote(of: try await exporter.scrape())
                if round % 2 == 0 { try await reopen(random.int(0...1), world, exporter) }
                try await Task.sleep(for: .milliseconds(random.int(0...250)))
                if round % 3 == 0 { takeNote(of: try await exporter.scrape()) }
                exporter.signal(SIGKILL)
                try await exporter.waitForExit()
            }
            let asked = world.server.log.requests.count { $0.path == "/cheapestinference/api/usage" }
            #expect((1...12).contains(asked), "12 requests in 12 hours are allowed, not \(asked)")

            // Another one with a storage of its own, which nobody kills, comes to the same figures.
            let killed = try await ExporterProcess.start(world.serve)
            let spared = try await ExporterProcess.start(world.serve(on: world.folder + "/spared"))
            var differing: [String] = []
            for _ in 0..<120 {
                let (one, other) = (try await killed.scrape(), try await spared.scrape())
                takeNote(of: one)
                let (found, wanted) = (one.spend, other.spend)
                differing = Set(found.keys).union(wanted.keys).filter { found[$0] != wanted[$0] }.sorted()
                if differing.isEmpty, found.count > 50, other.isAllUp(accounts: 6) { break }
                try await Task.sleep(for: .milliseconds(500))
            }
            #expect(differing.isEmpty, "\(differing.prefix(5))")
            killed.signal(SIGTERM)
            spared.signal(SIGTERM)
            #expect(try await killed.waitForExit() == 0)
            #expect(try await spared.waitForExit() == 0)
        }
    }
}

/// Has one account's days read again, those of one or two days.
private func reopen(_ daysAgo: Int, _ world: ServedWorld, _ exporter: ExporterProcess) async throws {
    let today = SystemClock().now.day
    for account in world.world.accounts {
        let days = "from=\(today.advanced(by: -daysAgo))&to=\(today)"
        let response = try await exporter.get("/-/sync?account=\(account.name)&\(days)", method: "POST")
        // 409: CheapestInference cannot be asked by date.
        #expect([202, 409].contains(response.status))
    }
}

extension Scrape {
    /// The usage without what is worked out from rolling figures, which depends on when they were read, and without
    /// corrections, which only those who read the figure before have seen.
    fileprivate var spend: [String: Double] {
        usage.filter { name, _ in
            !(name.contains("provider=cheapestinference") && !name.contains("cost")) && !name.contains("corrections")
        }
    }
}
