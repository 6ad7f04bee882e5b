import Foundation
import GRDB
import Testing
import UsageModel

@testable import UsageLedger

@Suite("Copies of a ledger")
struct LedgerCopyTests {
    /// A ledger with two accounts, of which `media` has a correction and a slice with cells.
    private func ledgerWithTwoAccounts() async throws -> LedgerBench {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "420"), spent("n", "0.1")])
        try await bench.commit([spent("m", "419.5"), spent("n", "0.1")], readAt: .noon + .hours(1))
        let other = try await bench.ledger.registerAccount(
            "secret-client", provider: "venice", proposedStart: .start, now: .noon)
        let source = try await bench.ledger.registerSource("balance", of: other.id)
        _ = try await bench.ledger.completeHistory(of: source.id, now: .noon)
        try await bench.commit([spent("hidden-model", "7")], to: source)
        _ = try await bench.ledger.labelSalt { "salt" }
        _ = try await bench.ledger.exchangeStart(of: bench.account.id, with: "30 days")
        return bench
    }

    @Test("a snapshot of a ledger in use is a ledger with the same series, and is intact")
    func snapshot() async throws {
        let bench = try await ledgerWithTwoAccounts()
        let copy = LedgerFolder()
        try FileManager.default.createDirectory(atPath: copy.path, withIntermediateDirectories: true)
        let contents = try await LedgerCopy.snapshot(of: bench.folder.path, to: copy.database)
        #expect(contents.accounts.map(\.name) == ["media", "secret-client"])
        #expect(contents.accounts[0].series == 3)
        #expect(contents.accounts[0].days == UTCDay.first...UTCDay.first)
        #expect(try await LedgerVerification.verify(copy.database).problems == [])
        #expect(try copy.files == ["ledger.sqlite"])
        let mode = try FileManager.default.attributesOfItem(atPath: copy.database)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        try await bench.commit([spent("later", "1")], day: 1)

        let restored = try await copy.open()
        let series = try await restored.series(of: bench.account.id).named
        #expect(series == (try await bench.totals()).filter { $0.key != cost("later") })
        try await restored.close()
    }

    @Test("a snapshot replaces an earlier one, and a refused one leaves it as it was")
    func replaced() async throws {
        let bench = try await ledgerWithTwoAccounts()
        let path = bench.folder.path + "/copy"
        _ = try await LedgerCopy.snapshot(of: bench.folder.path, to: path)
        try await bench.commit([spent("later", "1")], day: 1)
        let second = try await LedgerCopy.snapshot(of: bench.folder.path, to: path)
        #expect(second.accounts[0].series == 4)
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        await #expect(throws: LedgerError.missing(path: bench.folder.path + "/none/ledger.sqlite")) {
            try await LedgerCopy.snapshot(of: bench.folder.path + "/none", to: path)
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
    }

    @Test("a checked snapshot of a ledger whose sums do not agree is refused, and an earlier one stays")
    func checked() async throws {
        let bench = try await ledgerWithTwoAccounts()
        let copies = LedgerFolder()
        try FileManager.default.createDirectory(atPath: copies.path, withIntermediateDirectories: true)
        let path = copies.path + "/copy"
        #expect(try await bench.ledger.snapshot(to: path).accounts.map(\.name) == ["media", "secret-client"])
        #expect(try await LedgerVerification.verify(path).problems == [])
        #expect(try copies.files == ["copy"])
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        let queue = try DatabaseQueue(path: bench.folder.database)
        try await queue.write { try $0.execute(sql: "UPDATE day_total SET value = '400'") }
        try queue.close()
        let error = await #expect(throws: LedgerError.self) { try await bench.ledger.snapshot(to: path) }
        #expect(error?.message.contains("the copied ledger is not intact: account media") == true)
        #expect(try copies.files == ["copy"])
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
    }

    @Test("a copy replaces what a killed copy left, with its journal, and is never readable by others")
    func draft() async throws {
        let bench = try await ledgerWithTwoAccounts()
        let path = bench.folder.path + "/copy"
        for left in [".new", ".new-journal", ".new-wal", ".new-shm"] {
            try Data(repeating: 0xD9, count: 4096).write(to: URL(fileURLWithPath: path + left))
        }
        let copied = try await bench.ledger.snapshot(to: path)
        #expect(try await LedgerVerification.verify(path).contents == copied)
        #expect(try bench.folder.files.filter { $0.hasPrefix("copy") } == ["copy"])

        let draft = LedgerFile(draftOf: path)
        try draft.prepare()
        let mode = try FileManager.default.attributesOfItem(atPath: draft.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test("a copy that cannot be written is refused with the reason and the copy's path")
    func copyRefused() async throws {
        let bench = try await ledgerWithTwoAccounts()
        let path = bench.folder.path + "/none/copy"
        let expected = LedgerError.copyNotWritable(path: path, reason: "No such file or directory")
        await #expect(throws: expected) { try await bench.ledger.snapshot(to: path) }
        await #expect(throws: expected) { try await LedgerCopy.snapshot(of: bench.folder.path, to: path) }
        #expect(!bench.ledger.needsReopening)
    }

    @Test("an exported account continues elsewhere with its counters, next to other accounts")
    func moved() async throws {
        let bench = try await ledgerWithTwoAccounts()
        let file = bench.folder.path + "/media.ledger"
        let exported = try await LedgerCopy.export(account: "media", of: bench.folder.path, to: file)
        #expect(exported.accounts.map(\.name) == ["media"])
        // Nothing of other accounts is left in free pages.
        let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: file)), as: UTF8.self)
        #expect(!text.contains("secret-client") && !text.contains("hidden-model"))

        let target = LedgerFolder()
        let ledger = try await target.open()
        let host = try await ledger.registerAccount("host", provider: "wavespeed", proposedStart: .start, now: .noon)
        let source = try await ledger.registerSource("usage", of: host.id)
        _ = try await ledger.completeHistory(of: source.id, now: .noon)
        var reading = Reading()
        reading.slices = [SliceReading(.day(0), cells: [spent("hosted", "3")], readAt: .noon)]
        _ = try await ledger.commit(reading, to: source.id, now: .noon)
        let imported = try await ledger.importAccounts(from: .intact(file))
        #expect(imported.added == exported)
        #expect(!imported.keepsHashes)

        let account = try await ledger.registerAccount(
            "media", provider: "wavespeed", proposedStart: .noon, now: .noon + .days(3))
        #expect(account.ledgerStart == .start)
        let series = try await ledger.series(of: account.id).named
        #expect(series[cost("m")]?.counter == 420)
        #expect(series[cost("m")]?.sum == ExactDecimal("419.5"))
        #expect(series[corrections]?.counter == ExactDecimal("0.5"))
        #expect(try await ledger.exchangeStart(of: account.id, with: "x") == "30 days")
        #expect(try await ledger.series(of: host.id).map(\.name) == [cost("hosted"), corrections])

        // The slice is known: reading it again changes nothing, and more usage counts once.
        let media = try await ledger.registerSource("usage", of: account.id)
        #expect(media.isHistoryComplete)
        reading.slices = [SliceReading(.day(0), cells: [spent("m", "421")], readAt: .noon + .hours(2))]
        let change = try await ledger.commit(reading, to: media.id, now: .noon + .hours(2))
        #expect(change.series.named[cost("m")]?.counter == 421)
        try await ledger.close()
        #expect(try await LedgerVerification.verify(target.database).problems == [])
    }

    @Test("an import that is refused changes nothing: an account that exists, a damaged file, another database")
    func refused() async throws {
        let bench = try await ledgerWithTwoAccounts()
        let file = bench.folder.path + "/media.ledger"
        _ = try await LedgerCopy.export(account: "media", of: bench.folder.path, to: file)
        let target = LedgerFolder()
        let ledger = try await target.open()
        #expect(try await ledger.importAccounts(from: .intact(file)).keepsHashes)
        let before = try await LedgerVerification.verify(target.database).contents
        await #expect(throws: LedgerError.accountExists(name: "media", provider: "wavespeed")) {
            try await ledger.importAccounts(from: .intact(file))
        }
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        bytes.replaceSubrange(4096..<8192, with: Data(repeating: 0x5A, count: 4096))
        let damaged = bench.folder.path + "/damaged"
        try bytes.write(to: URL(fileURLWithPath: damaged))
        await #expect(throws: LedgerError.self) { try await ledger.importAccounts(from: .intact(damaged)) }
        let text = bench.folder.path + "/text"
        try Data("not a ledger, but long enough to look like one".utf8).write(to: URL(fileURLWithPath: text))
        await #expect(throws: LedgerError.self) { try await ledger.importAccounts(from: .intact(text)) }
        await #expect(throws: LedgerError.missing(path: "/none")) {
            try await ledger.importAccounts(from: .intact("/none"))
        }
        #expect(try await LedgerVerification.verify(target.database).contents == before)
        try await ledger.close()
    }

    @Test("simulated money never joins what was charged: neither in one folder, nor by an import")
    func simulated() async throws {
        let demo = LedgerFolder()
        let ledger = try await demo.open(.simulated)
        _ = try await ledger.registerAccount("media", provider: "wavespeed", proposedStart: .start, now: .noon)
        try await ledger.close()
        await #expect(throws: LedgerError.otherOrigin(path: demo.database, isSimulated: true)) {
            try await demo.open(.billed)
        }
        try await demo.open(.simulated).close()

        let bench = try await ledgerWithTwoAccounts()
        try await bench.ledger.close()
        await #expect(throws: LedgerError.otherOrigin(path: bench.folder.database, isSimulated: false)) {
            try await bench.folder.open(.simulated)
        }
        let (file, all) = (bench.folder.path + "/exported", bench.folder.path + "/snapshot")
        _ = try await LedgerCopy.export(account: "media", of: demo.path, to: file)
        _ = try await LedgerCopy.snapshot(of: demo.path, to: all)
        for copy in [file, all] {
            await #expect(throws: LedgerError.otherOrigin(path: copy, isSimulated: true)) {
                try await LedgerVerification.intact(copy)
            }
            #expect(try await LedgerVerification.verify(copy).problems == [])
        }
        #expect(try await LedgerHistory.isSimulated(folder: demo.path))
        #expect(try await !LedgerHistory.isSimulated(folder: bench.folder.path))
    }

    @Test("a demo changes no ledger that may be of real accounts: neither a damaged one, nor one of an earlier version")
    func demoOnOthers() async throws {
        let damaged = LedgerFolder()
        try await damaged.open().close()
        try Data(repeating: 0x5A, count: 8192).write(to: URL(fileURLWithPath: damaged.database))
        await #expect(throws: LedgerError.damagedDemo(path: damaged.database)) { try await damaged.open(.simulated) }
        #expect(try damaged.files == ["ledger.sqlite", "lock"])

        let bench = try await ledgerWithTwoAccounts()
        try await bench.ledger.close()
        let queue = try DatabaseQueue(path: bench.folder.database)
        try await queue.write { db in
            try db.execute(sql: "ALTER TABLE quota_request DROP COLUMN counts_from")
            try db.execute(sql: "DELETE FROM grdb_migrations WHERE identifier = 'quota book and wrong clocks'")
        }
        try queue.close()
        await #expect(throws: LedgerError.otherOrigin(path: bench.folder.database, isSimulated: false)) {
            try await bench.folder.open(.simulated)
        }
        await #expect(throws: LedgerError.olderSchema(path: bench.folder.database)) {
            try await LedgerVerification.verify(bench.folder.database)
        }
    }

    @Test("only regular files are verified and replaced, and of a link its target")
    func otherFiles() async throws {
        let bench = try await ledgerWithTwoAccounts()
        func path(_ name: String) -> String { bench.folder.path + "/" + name }
        try FileManager.default.createSymbolicLink(
            atPath: path("folder link"), withDestinationPath: bench.folder.path)
        mkfifo(path("pipe"), 0o600)
        for (name, isFolder) in [("", true), ("folder link", true), ("pipe", false)] {
            let refused = LedgerError.notFile(path: path(name), isFolder: isFolder)
            await #expect(throws: refused) { try await LedgerVerification.verify(path(name)) }
            await #expect(throws: refused) { try await LedgerCopy.snapshot(of: bench.folder.path, to: path(name)) }
        }
        try Data("old".utf8).write(to: URL(fileURLWithPath: path("target")))
        try FileManager.default.createSymbolicLink(atPath: path("link"), withDestinationPath: path("target"))
        _ = try await LedgerCopy.snapshot(of: bench.folder.path, to: path("link"))
        for link in ["folder link", "link"] {
            #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: path(link))) != nil, "\(link)")
        }
        #expect(try await LedgerVerification.verify(path("target")).problems == [])
        await #expect(throws: LedgerError.notFolder(path: path("target"))) {
            try await LedgerCopy.snapshot(of: path("target"), to: path("other"))
        }
    }

    @Test("an unknown account is reported with the known ones")
    func unknown() async throws {
        let bench = try await ledgerWithTwoAccounts()
        let error = await #expect(throws: LedgerError.self) {
            try await LedgerCopy.export(account: "medai", of: bench.folder.path, to: bench.folder.path + "/copy")
        }
        #expect(error?.message.contains("media, secret-client") == true)
        #expect(try !bench.folder.files.contains { $0.hasPrefix("copy") })
    }

    @Test("verification finds sums that do not agree")
    func disagreement() async throws {
        let bench = try await ledgerWithTwoAccounts()
        let path = bench.folder.path + "/copy"
        for (change, problem) in [
            ("UPDATE day_total SET value = '400'", "the days sum to"),
            ("UPDATE series SET peak = 0", "less than the sum"),
            ("UPDATE series SET total = 'x'", "not a decimal number"),
            ("DELETE FROM source", "refers to a missing row"),
        ] {
            _ = try await LedgerCopy.snapshot(of: bench.folder.path, to: path)
            var configuration = Configuration()
            configuration.foreignKeysEnabled = false
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try await queue.write { try $0.execute(sql: change) }
            try queue.close()
            let problems = try await LedgerVerification.verify(path).problems
            #expect(problems.contains { $0.contains(problem) }, "\(change): \(problems)")
        }
    }
}
