import Foundation
import GRDB
import Testing
import UsageModel

@testable import UsageLedger

@Suite("Opening and closing")
struct OpeningTests {
    @Test("a missing folder is created with mode 0700 and a durable database")
    func makesFolder() async throws {
        let folder = LedgerFolder()
        let nested = folder.path + "/deep/ledger"
        let ledger = try await UsageLedger.open(folder: nested, families: .common, now: .noon)
        #expect(ledger.setAside == nil)
        let mode = try FileManager.default.attributesOfItem(atPath: nested)[.posixPermissions] as? Int
        #expect(mode == 0o700)
        #expect(ledger.storageBytes() > 0)
        let settings = try await ledger.read { db in
            try ["journal_mode", "synchronous", "foreign_keys"].map { try String.fetchOne(db, sql: "PRAGMA \($0)") }
        }
        #expect(settings == ["wal", "2", "1"])
        try await ledger.close()
        #expect(try FileManager.default.contentsOfDirectory(atPath: nested).sorted() == ["ledger.sqlite", "lock"])
    }

    @Test("commits survive a restart, and counters continue")
    func reopens() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "5")])
        try await bench.commit([spent("m", "4")])
        let before = try await bench.totals()
        try await bench.ledger.close()

        let ledger = try await bench.folder.open()
        let account = try await ledger.registerAccount(
            "media", provider: "wavespeed", proposedStart: .noon + .days(50), now: .noon + .days(50))
        #expect(account.id == bench.account.id)
        #expect(account.ledgerStart == .start)
        #expect(account.isStartFixed)
        #expect(try await ledger.series(of: account.id).named == before)
        #expect(before[cost("m")]?.counter == 5)
        try await ledger.close()
    }

    @Test("a second process gets an error with the holder of the lock until it is released")
    func locked() async throws {
        let folder = LedgerFolder()
        let first = try await folder.open(now: .noon)
        let holder = LockHolder(processID: getpid(), since: .noon)
        await #expect(throws: LedgerError.locked(by: holder)) { try await folder.open(now: .noon + .hours(1)) }
        #expect(LedgerError.locked(by: holder).message.contains("process \(getpid())"))
        try await first.close()
        try await first.close()
        let second = try await folder.open()
        try await second.close()
    }

    @Test("closing releases the lock, even if a child process still has a copy of its descriptor")
    func freeDespiteCopies() async throws {
        let folder = LedgerFolder()
        let first = try await folder.open()
        // A fork copies every descriptor until exec closes it.
        let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap(Int32.init)
        let copies = descriptors.filter {
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
            return target == folder.path + "/lock"
        }.map { dup($0) }
        defer { for copy in copies { close(copy) } }
        #expect(copies.count == 1)
        try await first.close()
        let second = try await folder.open()
        try await second.close()
    }

    @Test("a folder locked by another process cannot be opened")
    func lockedByProcess() async throws {
        let folder = LedgerFolder()
        try await folder.open().close()
        let other = Process()
        other.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        other.arguments = ["flock", folder.path + "/lock", "sh", "-c", "echo held; read line"]
        let input = Pipe()
        let output = Pipe()
        other.standardInput = input
        other.standardOutput = output
        try other.run()
        // The first byte signals that the lock is held.
        #expect(try output.fileHandleForReading.read(upToCount: 1)?.count == 1)
        await #expect(throws: LedgerError.self) { try await folder.open() }
        try input.fileHandleForWriting.close()
        other.waitUntilExit()
        try await folder.open().close()
    }

    @Test("the error for a folder that cannot be created or written contains its name")
    func notWritable() async throws {
        let folder = LedgerFolder()
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        let file = folder.path + "/file"
        try Data("x".utf8).write(to: URL(fileURLWithPath: file))
        await #expect(throws: LedgerError.notWritable(path: file + "/sub", reason: "the folder cannot be made")) {
            try await UsageLedger.open(folder: file + "/sub", families: .common, now: .noon)
        }
        let error = await #expect(throws: LedgerError.self) {
            try await UsageLedger.open(folder: file, families: .common, now: .noon)
        }
        #expect(error?.message.contains(file) == true)
    }

    enum Damage: CaseIterable {
        case notSQLite, halved, emptied, removedBesideItsLog, brokenPages
    }

    @Test("a damaged file is quarantined, and a new ledger is created", arguments: Damage.allCases)
    func damaged(_ damage: Damage) async throws {
        let bench = try await LedgerBench()
        try await bench.commit((0..<2000).map { spent("model-\($0)", "1") })
        try await bench.ledger.close()
        let database = URL(fileURLWithPath: bench.folder.database)
        let whole = try Data(contentsOf: database)
        switch damage {
        case .notSQLite: try Data("this is no database, but long enough to be one".utf8).write(to: database)
        case .halved: try whole.prefix(whole.count / 2).write(to: database)
        case .emptied: try Data().write(to: database)
        case .removedBesideItsLog:
            try FileManager.default.moveItem(atPath: bench.folder.database, toPath: bench.folder.database + "-wal")
        case .brokenPages:
            var bytes = whole
            for index in stride(from: 4096 * 3, to: bytes.count, by: 64) { bytes[index] ^= 0xFF }
            try bytes.write(to: database)
        }
        let ledger = try await bench.folder.open(now: .noon)
        let name = "ledger.sqlite.corrupt-\(Timestamp.noon.description.filter { !"-:".contains($0) })"
        #expect(ledger.setAside == bench.folder.path + "/" + name)
        #expect(try bench.folder.files.contains { $0.hasPrefix(name) })
        let account = try await ledger.registerAccount("media", provider: "wavespeed", proposedStart: .noon, now: .noon)
        #expect(account.ledgerStart == .noon)
        #expect(try await ledger.series(of: account.id).isEmpty)
        try await ledger.close()

        // The next start finds no damage. A second quarantine within the same second does not overwrite the first.
        let sound = try await bench.folder.open()
        #expect(sound.setAside == nil)
        try await sound.close()
        try Data("broken".utf8).write(to: database)
        let again = try await bench.folder.open(now: .noon)
        #expect(again.setAside == bench.folder.path + "/" + name + "-2")
        try await again.close()
    }

    @Test("a file of a newer version is rejected and unchanged")
    func newerSchema() async throws {
        let folder = LedgerFolder()
        let ledger = try await folder.open()
        try await ledger.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('v999')") }
        try await ledger.close()
        await #expect(throws: LedgerError.newerSchema(path: folder.database)) { try await folder.open() }
        #expect(try folder.files.allSatisfy { !$0.contains("corrupt") })
    }

    @Test("a database of another program is rejected and unchanged")
    func foreign() async throws {
        let folder = LedgerFolder()
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        let queue = try DatabaseQueue(path: folder.database)
        try await queue.write { try $0.execute(sql: "CREATE TABLE note (text)") }
        try queue.close()
        await #expect(throws: LedgerError.foreignDatabase(path: folder.database)) { try await folder.open() }
        #expect(try folder.files.allSatisfy { !$0.contains("corrupt") })
    }

    @Test("an interrupted first start does not block the next")
    func leftoverDraft() async throws {
        let folder = LedgerFolder()
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        try Data("half a file".utf8).write(to: URL(fileURLWithPath: folder.database + ".new"))
        let ledger = try await folder.open()
        #expect(ledger.setAside == nil)
        try await ledger.close()
        #expect(try folder.files == ["ledger.sqlite", "lock"])
    }

    @Test("a ledger closes even in a cancelled task, and rejects later commits with a storage failure")
    func closes() async throws {
        let bench = try await LedgerBench()
        let ledger = bench.ledger
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await ledger.close()
        }
        try await task.value
        let error = await #expect(throws: LedgerError.self) { try await bench.commit([spent("m", "1")]) }
        #expect(error?.reason == .storage)
    }

    @Test("closing does not wait for a program that reads the ledger, such as a backup")
    func closingBesideReader() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "1")])
        var configuration = Configuration()
        configuration.readonly = true
        configuration.allowsUnsafeTransactions = true
        let reader = try DatabaseQueue(path: bench.folder.database, configuration: configuration)
        try await reader.writeWithoutTransaction { db in
            try db.execute(sql: "BEGIN")
            _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM account")
        }
        try await bench.commit([spent("m", "3")])
        let start = ContinuousClock.now
        try await bench.ledger.close()
        #expect(ContinuousClock.now - start < .seconds(1))
        try reader.close()
        let ledger = try await bench.folder.open()
        #expect(try await ledger.series(of: bench.account.id).named[cost("m")]?.sum == 3)
        try await ledger.close()
    }

    @Test("a commit of a cancelled task is rolled back")
    func cancelled() async throws {
        let bench = try await LedgerBench()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await bench.commit([spent("m", "1")])
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await bench.totals().isEmpty)
        #expect(try await bench.ledger.states(of: bench.source.id).isEmpty)
    }

    @Test("a full disk rolls the commit back, and commits resume once there is space")
    func diskFull() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "1")])
        let before = try await bench.totals()
        let many = (0..<5000).map { spent("model-\($0)", "1") }
        func allowPages(_ count: Int) async throws {
            try await bench.ledger.write { _ = try Int.fetchOne($0, sql: "PRAGMA max_page_count = \(count)") }
        }
        try await allowPages(60)
        let error = await #expect(throws: LedgerError.self) { try await bench.commit(many) }
        #expect(error?.message.contains("full") == true)
        #expect(try await bench.totals() == before)
        #expect(try await bench.ledger.cells(of: bench.source.id, slice: .day(0)) == [spent("m", "1")])

        try await allowPages(1_000_000)
        #expect(try await bench.commit(many).series.count == 5002)
    }

    @Test("concurrent commits add up")
    func concurrent() async throws {
        let bench = try await LedgerBench()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for day in 0..<32 {
                group.addTask { try await bench.commit([spent("m", "0.1")], day: day) }
                group.addTask { _ = try await bench.sums(0...31) }
            }
            try await group.waitForAll()
        }
        #expect(try await bench.totals()[cost("m")]?.sum == ExactDecimal("3.2"))
    }
}
