import Foundation
import GRDB
import Testing
import UsageModel

@testable import UsageLedger

/// Damage to the ledger's files by other programs while it is open.
@Suite("Files that are damaged, replaced or deleted in use") struct FilesInUseTests {
    private func commitRefused(_ bench: LedgerBench, _ usd: String = "5") async throws -> LedgerError {
        try #require(await #expect(throws: LedgerError.self) { try await bench.commit([spent("m", usd)]) })
    }

    @Test(
        "deleted files are recreated from the open files, without data loss", arguments: ["", "-wal", "-shm", "*"])
    func deleted(_ part: String) async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "1")])
        try await bench.commit([spent("m", "3")])
        let path = part == "*" ? bench.folder.path : bench.folder.database + part
        try FileManager.default.removeItem(atPath: path)

        #expect(try await commitRefused(bench) == .vanished(path: bench.folder.database))
        #expect(!bench.ledger.needsReopening)
        #expect(try await bench.totals()[cost("m")]?.sum == 3)
        try await bench.commit([spent("m", "5")])
        try await bench.ledger.close()

        let reopened = try await bench.folder.open()
        #expect(reopened.setAside == nil)
        #expect(try await reopened.series(of: bench.account.id).named[cost("m")]?.sum == 5)
        #expect(try bench.folder.files == ["ledger.sqlite", "ledger.sqlite-shm", "ledger.sqlite-wal", "lock"])
        try await reopened.close()
    }

    @Test("commits are rejected until the folder can be recreated")
    func folderCannotBeMade() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "1")])
        try FileManager.default.removeItem(atPath: bench.folder.path)
        try Data("in the way".utf8).write(to: URL(fileURLWithPath: bench.folder.path))
        for _ in 0..<2 {
            #expect(try await commitRefused(bench) == .notFolder(path: bench.folder.path))
            #expect(try await bench.totals()[cost("m")]?.sum == 1)
        }
        try FileManager.default.removeItem(atPath: bench.folder.path)
        #expect(try await commitRefused(bench) == .vanished(path: bench.folder.database))
        try await bench.commit([spent("m", "2")])
        #expect(try await bench.totals()[cost("m")]?.sum == 2)
    }

    @Test("a ledger that another process created in the folder meanwhile is not replaced")
    func takenByAnother() async throws {
        let bench = try await LedgerBench()
        try await bench.commit([spent("m", "1")])
        try FileManager.default.removeItem(atPath: bench.folder.path)
        let other = try await bench.folder.open()
        #expect(try await commitRefused(bench) == .damaged(path: bench.folder.database))
        #expect(bench.ledger.needsReopening)
        // flock(2) distinguishes descriptors within one process too.
        let error = await #expect(throws: LedgerError.self) { _ = try await bench.ledger.reopen(now: .noon) }
        guard case .locked? = error else {
            Issue.record("not locked: \(String(describing: error))")
            return
        }
        #expect(bench.ledger.needsReopening)
        try await other.close()
        #expect(try await bench.ledger.reopen(now: .noon) == nil)
        #expect(!bench.ledger.needsReopening)
    }

    @Test(
        "a file truncated to any length is quarantined",
        arguments: [0, 1, 511, 512, 4095, 4096, 4097, 5000, 8191, 8192, 10_000, 81_920])
    func cutShort(_ length: Int) async throws {
        let bench = try await LedgerBench()
        try await bench.commit((0..<500).map { spent("model-\($0)", "1") })
        try await bench.ledger.checkpoint()
        try await bench.commit([spent("m", "1")])
        #expect(truncate(bench.folder.database, length) == 0)
        _ = try await commitRefused(bench)
        #expect(bench.ledger.needsReopening)
        #expect(try await bench.ledger.reopen(now: .noon) != nil)
        #expect(!bench.ledger.needsReopening)
        try await bench.ledger.close()

        // The same before a start.
        #expect(truncate(bench.folder.database, length) == 0)
        let again = try await bench.folder.open()
        #expect(again.setAside != nil)
        try await again.close()
    }

    @Test("if the open files were deleted and damaged, the ledger can be reopened")
    func deletedAndDamaged() async throws {
        let bench = try await LedgerBench()
        try await bench.commit((0..<2000).map { spent("model-\($0)", "1") })
        try await bench.ledger.checkpoint()
        let file = try #require(FileHandle(forUpdatingAtPath: bench.folder.database))
        for page in 2..<40 {
            try file.seek(toOffset: UInt64(page * 4096))
            try file.write(contentsOf: Data(repeating: 0xA5, count: 4096))
        }
        try file.close()
        try FileManager.default.removeItem(atPath: bench.folder.path)
        try await bench.ledger.dropCache()
        _ = try await commitRefused(bench)
        #expect(bench.ledger.needsReopening)
        _ = try await bench.ledger.reopen(now: .noon)
        #expect(!bench.ledger.needsReopening)
    }

    enum Harm: CaseIterable {
        case cutShort, exchanged, brokenPages, unreadableAmount
    }

    @Test("a damaged or replaced file accepts no commit until it is reopened", arguments: Harm.allCases)
    func harmed(_ harm: Harm) async throws {
        let bench = try await LedgerBench()
        try await bench.commit((0..<2000).map { spent("model-\($0)", "1") })
        let spare = bench.folder.path + "/spare"
        // Otherwise SQLite would read pages from the WAL instead of the damaged ones.
        if harm != .exchanged { try await bench.ledger.checkpoint() }
        let database = bench.folder.database
        switch harm {
        case .cutShort:
            #expect(truncate(database, 8192) == 0)
        case .exchanged:
            try await bench.ledger.copy(to: spare)
            #expect(rename(spare, database) == 0)
        case .brokenPages:
            let file = try #require(FileHandle(forUpdatingAtPath: database))
            for page in 2..<40 {
                try file.seek(toOffset: UInt64(page * 4096))
                try file.write(contentsOf: Data(repeating: 0xA5, count: 4096))
            }
            try file.close()
            // SQLite's page cache would hide the damage.
            try await bench.ledger.dropCache()
        case .unreadableAmount:
            try await bench.ledger.write {
                try $0.execute(
                    sql: "UPDATE series SET total = 'x' WHERE family = ?", arguments: [LedgerFamily.cost.name])
            }
        }
        _ = try await commitRefused(bench)
        #expect(bench.ledger.needsReopening)
        _ = try await commitRefused(bench)

        let setAside = try await bench.ledger.reopen(now: .noon)
        #expect((setAside == nil) == (harm == .exchanged))
        #expect(bench.ledger.filesSetAside().count == (harm == .exchanged ? 0 : 1))
        #expect(!bench.ledger.needsReopening)
        let account = try await bench.ledger.registerAccount(
            "media", provider: "wavespeed", proposedStart: .start, now: .noon)
        let kept = try await bench.ledger.series(of: account.id).named[cost("model-7")]?.sum
        #expect(kept == (harm == .exchanged ? 1 : nil))
    }
}

extension UsageLedger {
    fileprivate func checkpoint() async throws { try await outside { _ = try $0.checkpoint(.truncate) } }

    fileprivate func copy(to path: String) async throws {
        try await outside { try $0.execute(sql: "VACUUM INTO ?", arguments: [path]) }
    }

    fileprivate func dropCache() async throws { try await outside { try $0.execute(sql: "PRAGMA shrink_memory") } }

    /// Runs statements that SQLite does not allow in a transaction.
    private func outside(_ body: @escaping @Sendable (Database) throws -> Void) async throws {
        try await connection.use { try await $0.writeWithoutTransaction(body) }
    }
}
