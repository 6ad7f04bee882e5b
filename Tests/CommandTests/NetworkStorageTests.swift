import Foundation
import TestSupport
import Testing

/// Tests the ledger on storage that fails as network file systems do: it works, or the error has the cause and a
/// workaround.
@Suite struct NetworkStorageTests {
    private static let strace = "apt-get install strace"

    /// Runs `once` with system calls that fail as on network storage.
    private func once(
        _ account: SimulatedAccount, calls: String, error: String, on file: String? = nil, when: String = ""
    ) async throws -> ExporterProcess.Outcome {
        let tool = try Tool(named: "strace", installation: Self.strace)
        return try await ExporterProcess.run(
            ["once", "--config.file", account.configFile, "--storage.path", account.storage],
            environment: account.environment,
            by: (
                tool,
                ["-f", "-qq", "-o", "/dev/null", "-e", "trace=\(calls)", "-e", "inject=\(calls):error=\(error)\(when)"]
                    + (file.map { ["-P", $0] } ?? [])
            ))
    }

    @Test("a folder without file locks is rejected with the cause", arguments: ["ENOLCK", "EOPNOTSUPP"])
    func noLocks(error: String) async throws {
        try await SimulatedAccount.run { account in
            let outcome = try await once(account, calls: "flock", error: error)
            #expect(outcome.status == 3, "\(outcome.errors)")
            for word in ["file locks", "NFS", "Azure Files", "local disk", "local_lock=all"] {
                #expect(outcome.errors.contains(word), "\(outcome.errors)")
            }
        }
    }

    @Test("a folder without shared memory works for one process", arguments: ["EPERM", "EINVAL"])
    func noSharedMemory(error: String) async throws {
        try await SimulatedAccount.run { account in
            for _ in 0..<2 {
                let outcome = try await once(
                    account, calls: "mmap", error: error, on: account.storage + "/ledger.sqlite-shm")
                #expect(outcome.status == 0, "\(outcome.errors)")
                #expect(outcome.errors.contains("no shared memory"))
                #expect(try Scrape(Array(outcome.output.utf8)).value("genai_balance_usd") == 100)
            }
            // With shared memory the same file is shared again.
            let outcome = try await ExporterProcess.run(
                ["once", "--config.file", account.configFile, "--storage.path", account.storage],
                environment: account.environment)
            #expect(outcome.status == 0)
            #expect(!outcome.errors.contains("no shared memory"))
            let scrape = try Scrape(Array(outcome.output.utf8))
            #expect(scrape.value("genai_syncs_total", ["source": "balance", "result": "success"]) == 3)
        }
    }

    @Test("the error of a failing fsync names the disk") func failingFsync() async throws {
        try await SimulatedAccount.run { account in
            let outcome = try await once(account, calls: "fsync,fdatasync", error: "EIO")
            #expect(outcome.status == 3, "\(outcome.errors)")
            #expect(outcome.errors.contains("make durable (fsync)"), "\(outcome.errors)")
            #expect(outcome.errors.contains("network storage whose server is unreachable"))
        }
    }
}
