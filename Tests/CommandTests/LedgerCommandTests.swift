import Foundation
import ProviderSimulator
import TestSupport
import Testing
import UsageModel

@Suite("The command ledger", .timeLimit(.minutes(3))) struct LedgerCommandTests {
    @Test("an account is exported, imported into another storage once, and continues with its counters")
    func move() async throws {
        try await SimulatedAccount.run { account in
            for day in 1...3 {
                account.events.add([
                    UsageEvent(
                        time: RealClock().now.day.advanced(by: -day).start, model: "flux", unitPrice: .zero,
                        cost: ExactDecimal(day))
                ])
            }
            let once = ["once", "--config.file", account.configFile, "--storage.path"]
            let first = try await ExporterProcess.run(once + [account.storage], environment: account.environment)
            #expect(first.status == 0)
            let (snapshot, file) = (account.folder + "/snapshot", account.folder + "/media.ledger")
            let other = account.folder + "/other"
            let storage = ["--storage.path", account.storage]

            let copied = try await ExporterProcess.run(["ledger", "snapshot"] + storage + ["--output", snapshot])
            #expect(copied.status == 0)
            #expect(copied.output.hasPrefix("account media of wavespeed: "))
            let verified = try await ExporterProcess.run(["ledger", "verify", snapshot])
            #expect(verified.status == 0)
            #expect(verified.output == copied.output + "intact\n")

            let export = ["ledger", "export"] + storage + ["--account", "media", "--output", file]
            #expect(try await ExporterProcess.run(export).status == 0)
            let add = ["ledger", "import", "--storage.path", other, file]
            let imported = try await ExporterProcess.run(add)
            #expect(imported.status == 0)
            #expect(imported.output == copied.output)
            let unknown = ["ledger", "export"] + storage + ["--account", "a", "--output", file]
            #expect(try await ExporterProcess.run(unknown).errors.contains("the ledger has no account a; it has media"))
            let again = try await ExporterProcess.run(add)
            #expect(again.status == 3)
            #expect(again.errors.contains("the ledger has the account media of wavespeed already"))

            let second = try await ExporterProcess.run(once + [other], environment: account.environment)
            #expect(second.status == 0)
            let cost = try [first, second].map { try Scrape(Array($0.output.utf8)).samples("genai_cost_usd_total") }
            #expect(cost[0].map(\.value) == [6])
            #expect(cost[0] == cost[1])
        }
    }

    @Test("what is wrong with a file or a name is reported")
    func failures() async throws {
        try await withTemporaryFolder { folder in
            let missing = try await ExporterProcess.run(["ledger", "verify", folder + "/none"])
            #expect(missing.status == 3)
            #expect(missing.errors.contains("there is no ledger at \(folder)/none"))
            let text = folder + "/text"
            try String(repeating: "not a ledger ", count: 100).write(toFile: text, atomically: true, encoding: .utf8)
            let foreign = try await ExporterProcess.run(["ledger", "verify", text])
            #expect(foreign.status == 3)
            #expect(foreign.errors.contains("\(text) is not a ledger"))
            let refused = try await ExporterProcess.run(["ledger", "import", "--storage.path", folder + "/new", text])
            #expect(refused.status == 3)
            #expect(!FileManager.default.fileExists(atPath: folder + "/new"))
            let empty = try await ExporterProcess.run(
                ["ledger", "export", "--storage.path", folder + "/new", "--account", "a", "--output", folder + "/a"])
            #expect(empty.status == 3)
            #expect(empty.errors.contains("there is no ledger at \(folder)/new"))
            #expect(try await ExporterProcess.run(["ledger", "snapshot", "--storage.path", folder]).status == 2)
        }
    }
}
