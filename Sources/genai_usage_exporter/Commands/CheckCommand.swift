import ArgumentParser
import ExporterCore

/// `check`: checks the config file without the network.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check the config file; exit 0 or 1.")

    @OptionGroup var config: ConfigOptions

    func run() async throws {
        let configuration = try config.load(clock: SystemClock(), redaction: LogRedaction())
        for warning in configuration.warnings { print("warning: \(warning)") }
        let count = configuration.accounts.count
        print("\(config.file) is good: \(count) account\(count == 1 ? "" : "s")")
    }
}
