import Foundation
import ProviderSimulator
import TestSupport
import Testing
import UsageLedger
import UsageModel

/// Tests of the command `focus`.
@Suite(.timeLimit(.minutes(10))) struct FocusTests {
    /// A month of an account, and key and model if it is of one series.
    private struct Part: Hashable {
        let account: String
        var key = ""
        var model = ""
        let month: UTCDay
    }

    private func focus(
        _ storage: String, _ days: ClosedRange<UTCDay>, _ arguments: [String] = []
    ) async throws -> ExporterProcess.Outcome {
        try await ExporterProcess.run(
            ["focus", "--storage.path", storage, "--from", "\(days.lowerBound)", "--to", "\(days.upperBound)"]
                + arguments)
    }

    private func sums(_ table: CSVTable, _ part: (_ row: [String: String], _ month: UTCDay) -> Part) throws -> [Part:
        ExactDecimal]
    {
        try table.rows.reduce(into: [:]) { sums, row in
            let month = try #require(UTCDay(row["BillingPeriodStart", default: ""].prefix(10)))
            let cost = try #require(ExactDecimal(row["BilledCost", default: ""]))
            sums[part(row, month), default: .zero] += cost
        }
    }

    @Test("for all providers the sum of BilledCost of each month equals the ledger and the served windows")
    func everyProvider() async throws {
        let clock = RealClock()
        let world = DemoWorld(clock: clock, history: .days(70), load: 0.05)
        try await withTemporaryFolder { folder in
            try await withSimulator(world.providers, clock: clock) { _, baseURL in
                let accounts = world.accounts.map { account in
                    let lines = [
                        "name: \(account.name)", "provider: \(account.provider)",
                        "base_url: \(baseURL)\(account.basePath)",
                    ]
                    return "  - " + (lines + account.settings).joined(separator: "\n    ")
                }
                let (config, storage) = (folder + "/config.yml", folder + "/data")
                try "global: { history: 65d, series_limit: 40 }\naccounts:\n\(accounts.joined(separator: "\n"))\n"
                    .write(toFile: config, atomically: true, encoding: .utf8)
                let once = ["once", "--config.file", config, "--storage.path", storage]
                var served = try await ExporterProcess.run(once)
                #expect(served.status == 0, "\(served.errors)")
                // Some providers only show what was spent since the last reading.
                served = try await ExporterProcess.run(once)
                let scrape = try Scrape(Array(served.output.utf8))

                let today = clock.now.day
                let days = today.startOfMonth.advanced(by: -1).startOfMonth...today
                for version in ["1.2", "1.4"] {
                    let written = try await focus(
                        storage, days, ["--config.file", config, "--spec", version, "--output", folder + "/focus.csv"])
                    #expect(written.status == 0, "\(written.errors)")
                    #expect(written.errors.contains("the last days requested are not over"))
                    let table = try CSVTable(try String(contentsOfFile: folder + "/focus.csv", encoding: .utf8))
                    #expect(
                        try await sums(table) { Part(account: $0["BillingAccountId", default: ""], month: $1) }
                            .filter { !$0.value.isZero } == ledger(storage, days).filter { !$0.value.isZero })
                    try expect(table, equals: scrape, on: today)
                }
            }
        }
    }

    /// The ledger's cost of each account and month.
    private func ledger(_ storage: String, _ days: ClosedRange<UTCDay>) async throws -> [Part: ExactDecimal] {
        try await LedgerHistory.read(folder: storage, families: .common) { ledger in
            var sums: [Part: ExactDecimal] = [:]
            for account in try ledger.accounts() {
                for series in try ledger.series(of: account.id) where series.family == .cost {
                    for (day, amount) in try ledger.days(of: series.id) where days.contains(day) {
                        sums[Part(account: account.name, month: day.startOfMonth), default: .zero] += amount
                    }
                }
            }
            return sums
        }
    }

    /// Asserts that each served window has the value of its rows, to the last digit.
    private func expect(_ table: CSVTable, equals scrape: Scrape, on today: UTCDay) throws {
        let bySeries = try sums(table) { row, month in
            Part(
                account: row["BillingAccountId", default: ""], key: row["SubAccountId", default: ""],
                model: row["ResourceId", default: ""], month: month)
        }
        let months = [
            "month_to_date": today.startOfMonth, "previous_month": today.startOfMonth.advanced(by: -1).startOfMonth,
        ]
        var providers: Set<String> = []
        var folded: [Part: ExactDecimal] = bySeries
        for sample in scrape.samples("genai_window_cost_usd") {
            guard let month = months[sample.labels["window", default: ""]] else { continue }
            let part = Part(
                account: sample.labels["account", default: ""], key: sample.labels["key", default: ""],
                model: sample.labels["model", default: ""], month: month)
            guard part.model != "__other__" else { continue }
            let sum = folded.removeValue(forKey: part) ?? .zero
            #expect(sum.doubleValue == sample.value, "\(part)")
            if sum > .zero { providers.insert(sample.labels["provider", default: ""]) }
        }
        // What the series limit folds into one window is in the file under its own names.
        for sample in scrape.samples("genai_window_cost_usd") where sample.labels["model"] == "__other__" {
            guard let month = months[sample.labels["window", default: ""]] else { continue }
            let account = sample.labels["account", default: ""]
            let parts = folded.filter { $0.key.account == account && $0.key.month == month }
            #expect(parts.values.reduce(.zero, +).doubleValue == sample.value, "\(account) \(month)")
        }
        // CheapestInference's month needs readings since it began: `FocusWindowTests` has a clock for them.
        let issuers = Set(table.rows.compactMap { $0["InvoiceIssuerName"] })
        #expect(providers == issuers.subtracting(["cheapestinference"]))
        #expect(providers.isSuperset(of: ["wavespeed", "fairstack", "venice"]))
        // useapi.net reports no cost, so neither has a figure of it.
        let unpriced = table.rows.filter { $0["InvoiceIssuerName"] == "useapi" }
        #expect(unpriced.isEmpty)
        #expect(table.rows.contains { $0["PricingCurrency"] == "DIEM" })
        #expect(table.rows.contains { $0["ChargeCategory"] == "Purchase" })
    }

    @Test("the file is replaced as a whole, and stays as it is after a failure")
    func atomicOutput() async throws {
        try await SimulatedAccount.run { account in
            let now = RealClock().now
            for day in 1...3 {
                account.events.add([
                    UsageEvent(
                        time: now.day.advanced(by: -day).start, model: "flux, \"dev\"", unitPrice: .zero,
                        cost: ExactDecimal(micros: 1_250_001))
                ])
            }
            let once = ["once", "--config.file", account.configFile, "--storage.path", account.storage]
            #expect(try await ExporterProcess.run(once, environment: account.environment).status == 0)
            let config = try String(contentsOfFile: account.configFile, encoding: .utf8)
            let owned = account.folder + "/owned.yml"
            try (config + "\nowners:\n  - { name: video, cost_center: \"4711\", accounts: [media] }\n").write(
                toFile: owned, atomically: true, encoding: .utf8)
            let day = now.day.advanced(by: -2)
            let file = account.folder + "/focus.csv"
            try "old".write(toFile: file, atomically: true, encoding: .utf8)

            let missing = try await focus(account.folder, day...day, ["--config.file", owned, "--output", file])
            #expect(missing.status == 3)
            #expect(try String(contentsOfFile: file, encoding: .utf8) == "old")
            #expect(!FileManager.default.fileExists(atPath: file + ".new"))

            // Without the account's key, because no provider is queried.
            let written = try await focus(account.storage, day...day, ["--config.file", owned, "--output", file])
            #expect(written.status == 0 && written.output.isEmpty, "\(written.errors)")
            #expect(written.errors.contains("rows=1"))
            let table = try CSVTable(try String(contentsOfFile: file, encoding: .utf8))
            #expect(table.rows.map { $0["ResourceId"] } == ["flux, \"dev\""])
            #expect(table.rows.map { $0["BilledCost"] } == ["1.250001"])
            #expect(table.rows.map { $0["Tags"] } == [#"{"cost_center":"4711","owner":"video"}"#])

            let early = try await focus(
                account.storage, now.day.advanced(by: -40)...now.day.advanced(by: -39), ["--config.file", owned])
            #expect(early.status == 0)
            #expect(early.output.split(separator: "\n").count == 1)
            #expect(early.errors.contains("begins after the first day requested"))
            #expect(early.errors.contains("only the header was written"))
        }
    }

    @Test("invalid flags are usage errors")
    func invalidFlags() async throws {
        let good = ["--from", "2026-11-01", "--to", "2026-11-30"]
        for (wrong, message) in [
            (["--to", "2026-11-30"], "--from"), (["--from", "2026-11-01"], "--to"),
            (["--from", "2026-02-30", "--to", "2026-11-30"], "2026-02-30"),
            (["--from", "2026-11-02", "--to", "2026-11-01"], "--from 2026-11-02 is after --to 2026-11-01"),
            (good + ["--spec", "1.3"], "1.2"),
        ] {
            let outcome = try await ExporterProcess.run(["focus"] + wrong)
            #expect(outcome.status == 2, "\(wrong)")
            #expect(outcome.errors.contains(message), "\(outcome.errors)")
        }
    }
}
