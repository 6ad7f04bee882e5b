import ArgumentParser
import ConfigReading
import ExporterCore

/// `check`: checks the config file without the network.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check the config file and the web config file; exit 0 or 1.")

    @OptionGroup var config: ConfigOptions
    @OptionGroup var web: WebConfigOption

    func run() async throws {
        var problems: [String] = []
        var read: ExporterConfiguration?
        do {
            read = try config.load(clock: SystemClock(), redaction: LogRedaction())
        } catch let failure as CommandFailure {
            problems.append(failure.message)
        }
        do {
            try web.check()
        } catch let failure as CommandFailure {
            problems.append(failure.message)
        }
        guard let configuration = read, problems.isEmpty else {
            throw CommandFailure(message: problems.joined(separator: "\n"))
        }
        for warning in configuration.warnings { print("warning: \(warning)") }
        let count = configuration.accounts.count
        if let path = web.path { print("\(path) is valid") }
        print("\(config.file) is valid: \(count) account\(count == 1 ? "" : "s")")
    }
}
