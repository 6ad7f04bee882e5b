import Foundation
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

/// Tests days that an operator requests to read again, from the running exporter and from `once`.
@Suite struct ReopenedDayCommandTests {
    private let today = RealClock().now.day

    private func add(_ cost: Int, daysAgo: Int, to account: SimulatedAccount) {
        account.events.add(
            UsageEvent(
                time: today.advanced(by: -daysAgo).start + .hours(1), model: "m", unitPrice: .zero,
                cost: ExactDecimal(cost)))
    }

    @Test("/-/sync reads days again, and rejects invalid days") func sync() async throws {
        try await SimulatedAccount.run { account in
            add(5, daysAgo: 3, to: account)
            let exporter = try await ExporterProcess.start(
                account.serveArguments + ["--web.enable-lifecycle"], environment: account.environment)
            try await exporter.waitUntilReady()
            func status(_ query: String) async throws -> Int {
                try await exporter.get("/-/sync?" + query, method: "POST").status
            }
            let day = today.advanced(by: -3)
            #expect(try await status("from=\(day)&to=\(day)") == 400)
            #expect(try await status("account=media&from=\(day)") == 400)
            #expect(try await status("account=media&from=\(today)&to=\(day)") == 400)
            #expect(try await status("account=media&from=yesterday&to=today") == 400)
            #expect(try await status("acount=media") == 400)
            #expect(try await status("account=nobody&from=\(day)&to=\(day)") == 404)
            let before = today.advanced(by: -40)
            #expect(try await status("account=media&from=\(before)&to=\(before)") == 409)
            add(2, daysAgo: 3, to: account)
            #expect(try await status("account=media&from=\(day)&to=\(day)") == 202)
            let scrape = try await exporter.scrape { $0.value("genai_cost_usd_total", ["model": "m"]) == 7 }
            #expect(scrape.value("genai_corrections_usd_total") == 0)
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    @Test("once reads days again and prints them") func once() async throws {
        try await SimulatedAccount.run { account in
            add(5, daysAgo: 3, to: account)
            let base = ["once", "--config.file", account.configFile, "--storage.path", account.storage]
            func run(_ arguments: [String]) async throws -> ExporterProcess.Outcome {
                try await ExporterProcess.run(base + arguments, environment: account.environment)
            }
            #expect(try await run([]).status == 0)
            let day = "\(today.advanced(by: -3))"
            add(2, daysAgo: 3, to: account)
            let again = try await run(["--account", "media", "--from", day, "--to", day])
            #expect(again.status == 0)
            #expect(
                again.output.contains("genai_cost_usd_total{provider=\"wavespeed\",account=\"media\",model=\"m\"} 7"))
            #expect(try await run(["--from", day, "--to", day]).status == 2)
            #expect(try await run(["--account", "nobody"]).status == 2)
            let before = "\(today.advanced(by: -40))"
            let refused = try await run(["--account", "media", "--from", before, "--to", before])
            #expect(refused.status == 1)
            #expect(refused.errors.contains("before the ledger's start"))
        }
    }
}
