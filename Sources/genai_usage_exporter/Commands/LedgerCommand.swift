import ArgumentParser
import ConfigReading
import ExporterCore
import UsageLedger
import UsageModel

/// `ledger`: copies, checks and moves ledgers.
struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger",
        abstract: "Copy, check or move a ledger or one account of it.",
        subcommands: [Snapshot.self, Verify.self, Export.self, Import.self])

    struct Snapshot: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "snapshot",
            abstract: "Write a consistent copy of the ledger to a file.",
            discussion: """
                Runs beside an exporter that uses the same storage. To restore it, stop the exporter and copy the file to \
                ledger.sqlite in an empty storage folder.
                """)

        @OptionGroup var storage: StorageOptions
        @Option(name: .customLong("output"), help: "The file to write, replaced as a whole.")
        var output: String

        func run() async throws {
            print(try await LedgerCopy.snapshot(of: storage.path, to: output).summary)
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify",
            abstract: "Check a ledger file: its pages, and whether its sums agree.",
            discussion:
                "Exits with 3 if the file is damaged. Checks a snapshot or an export, or the ledger of an exporter.")

        @Argument(help: "The file, such as ledger.sqlite in a storage folder, or a snapshot.")
        var file: String

        func run() async throws {
            let result = try await LedgerVerification.verify(file)
            print(result.contents.summary)
            for problem in result.problems { print("problem: \(problem)") }
            guard result.problems.isEmpty else {
                throw LedgerError.damagedFile(path: file, finding: "its sums do not agree")
            }
            print("intact")
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "export",
            abstract: "Write one account of the ledger to a file, to import it elsewhere.",
            discussion: """
                Runs beside an exporter that uses the same storage; take the account out of its config first, so that it \
                counts nothing after the export.
                """)

        @OptionGroup var storage: StorageOptions
        @Option(name: .customLong("account"), help: "The account's name in the config.")
        var account: String
        @Option(name: .customLong("output"), help: "The file to write, replaced as a whole.")
        var output: String

        func run() async throws {
            print(try await LedgerCopy.export(account: account, of: storage.path, to: output).summary)
        }
    }

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import",
            abstract: "Add the accounts of an exported file to a ledger, with their counters.",
            discussion: "The exporter of this storage must be stopped. Add the accounts to its config before it starts."
        )

        @OptionGroup var storage: StorageOptions
        @OptionGroup var log: LogOptions
        @Argument(help: "A file that `ledger export` or `ledger snapshot` wrote.")
        var file: String

        func run() async throws {
            let clock = SystemClock()
            // First, so that a damaged file leaves no new storage folder.
            let verified = try await LedgerVerification.intact(file)
            let ledger = try await UsageLedger.open(
                folder: storage.path, families: MetricCatalogue.standard.usage, now: clock.now)
            do {
                let imported = try await ledger.importAccounts(from: verified)
                try await ledger.close()
                print(imported.added.summary)
                if !imported.keepsHashes {
                    log.logger(clock: clock, redaction: LogRedaction()).warning(
                        "labels hashed by hash_keys get other values: the ledger that the accounts come from had another salt"
                    )
                }
            } catch {
                try? await ledger.close()
                throw error
            }
        }
    }
}

extension LedgerContents {
    /// One line for each account.
    fileprivate var summary: String {
        accounts.map { account in
            let days = account.days.map { "\($0.lowerBound) to \($0.upperBound)" } ?? "no usage"
            return "account \(account.name) of \(account.provider): \(account.series) series, \(days)"
        }.joined(separator: "\n")
    }
}
