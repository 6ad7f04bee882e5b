import Foundation
import TestSupport
import Testing

/// Tests signals that arrive before the exporter serves.
@Suite struct StartSignalTests {
    /// Starts `serve` and sends a signal as soon as the program is loaded.
    private func start(_ account: SimulatedAccount, sending signal: Int32) async throws -> (Process, log: String) {
        let log = account.folder + "/log-\(signal)"
        try Data().write(to: URL(fileURLWithPath: log))
        let process = ExporterProcess.binary.process(account.serveArguments + ["--web.listen-address", "127.0.0.1:0"])
        process.environment = ProcessInfo.processInfo.environment.merging(account.environment) { $1 }
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        try process.run()
        while try !handles(signal, process.processIdentifier) { try await Task.sleep(for: .milliseconds(1)) }
        kill(process.processIdentifier, signal)
        return (process, log)
    }

    /// Whether a handler for the signal is installed (proc(5), SigCgt).
    private func handles(_ signal: Int32, _ process: Int32) throws -> Bool {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let mask = try #require(status.firstMatch(of: /SigCgt:\s*([0-9a-f]+)/)).1
        return UInt64(mask, radix: 16).map { $0 & (1 << UInt64(signal - 1)) != 0 } ?? false
    }

    @Test("SIGHUP during startup reloads the config", .timeLimit(.minutes(2))) func hangup() async throws {
        try await SimulatedAccount.run { account in
            let (process, log) = try await start(account, sending: SIGHUP)
            var text = ""
            while !text.contains("config reloaded"), process.isRunning {
                try await Task.sleep(for: .milliseconds(20))
                text = try String(contentsOfFile: log, encoding: .utf8)
            }
            #expect(process.isRunning, "\(text)")
            process.terminate()
            while process.isRunning { try await Task.sleep(for: .milliseconds(10)) }
            #expect(process.terminationStatus == 0)
        }
    }

    @Test("a stop signal during startup exits with code 0", .timeLimit(.minutes(2)), arguments: [SIGTERM, SIGINT])
    func stop(signal: Int32) async throws {
        try await SimulatedAccount.run { account in
            let (process, _) = try await start(account, sending: signal)
            while process.isRunning { try await Task.sleep(for: .milliseconds(10)) }
            #expect(process.terminationReason == .exit)
            #expect(process.terminationStatus == 0)
        }
    }
}
