import ArgumentParser
import ExporterCore
import Foundation
import ProviderSimulator

/// Serves many simulated accounts in a separate process, so that only the exporter's process is measured.
struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "simulate", shouldDisplay: false)

    @Option(help: "Number of accounts.")
    var accounts: Int

    @Option(help: "File for the exporter's config, written once the server listens.")
    var config: String

    func run() async throws {
        let clock = SystemClock()
        let accounts = ManyAccounts(count: accounts, clock: clock)
        let server = SimulatorServer(accounts.providers, clock: clock)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            let text = accounts.configuration(baseURL: try await server.baseURL)
            try Data(text.utf8).write(to: URL(fileURLWithPath: config), options: .atomic)
            try await group.waitForAll()
        }
    }
}
