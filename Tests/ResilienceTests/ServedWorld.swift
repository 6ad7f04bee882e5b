import ExporterCore
import Foundation
import ProviderSimulator
import TestSupport
import UsageModel

/// All providers simulated in real time, for exporters that run in separate processes.
struct ServedWorld {
    let world: DemoWorld
    let server: SimulatorServer
    let folder: String

    var storage: String { folder + "/data" }
    var configFile: String { folder + "/config.yml" }

    /// Runs a body with a config file for all accounts, whose own keys are in files.
    ///
    /// - Parameter interval: sync interval of every account, shorter than the sources' minimums.
    static func run(
        interval: String = "1s", history: Duration = .days(2), load: Double = 0.05,
        isolation: isolated (any Actor)? = #isolation, _ body: (ServedWorld) async throws -> Void
    ) async throws {
        let clock = SystemClock()
        let world = DemoWorld(clock: clock, history: history, load: load)
        try await withTemporaryFolder { folder in
            try await withSimulator(world.providers, clock: clock) { server, baseURL in
                let served = ServedWorld(world: world, server: server, folder: folder)
                let accounts = try world.accounts.map { try served.section(of: $0, at: baseURL, interval: interval) }
                try """
                global: { zero_first: 0s, ledger_start: \((clock.now - history).day) }
                accounts:
                \(accounts.joined(separator: "\n"))
                """.write(toFile: served.configFile, atomically: true, encoding: .utf8)
                try await body(served)
            }
        }
    }

    /// The command line of `serve`.
    var serve: [String] { serve(on: storage) }

    /// The command line of `serve` on another storage.
    func serve(on storage: String) -> [String] {
        [
            "serve", "--config.file", configFile, "--storage.path", storage, "--log.level", "debug",
            "--web.enable-lifecycle",
        ]
    }

    /// The command line of a `serve` without access to providers: it shows the stored values.
    func serveAlone(on storage: String) throws -> [String] {
        let text = try String(contentsOfFile: configFile, encoding: .utf8)
        let alone = configFile + ".alone"
        try text.replacing(/127\.0\.0\.1:\d+/, with: "127.0.0.1:1").write(
            toFile: alone, atomically: true, encoding: .utf8)
        return ["serve", "--config.file", alone, "--storage.path", storage]
    }

    private func section(of account: DemoWorld.Account, at baseURL: String, interval: String) throws -> String {
        let lines = [
            "name: \(account.name)", "provider: \(account.provider)", "base_url: \(baseURL)\(account.basePath)",
            "sync_interval: \(interval)",
        ]
        let settings = try account.settings.map { line in
            guard let key = ["api_key", "management_key"].first(where: { line.hasPrefix("\($0): ") }) else {
                return line
            }
            return "\(key)_file: \(try file(String(line.dropFirst(key.count + 2)), "\(account.name).\(key)"))"
        }
        return "  - " + (lines + settings).joined(separator: "\n    ")
    }

    private func file(_ secret: String, _ name: String) throws -> String {
        let path = folder + "/" + name
        try secret.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }
}
