import ArgumentParser
import ConfigReading
import ExporterCore
import Foundation
import UsageLedger

/// The command line: `serve` unless another command is named.
@main
struct Main {
    static func main() async {
        // A reader that disconnects (a closed pipe, a client) must fail the write, not end the process.
        signal(SIGPIPE, SIG_IGN)
        // The same applies to a limit of the file size (ulimit -f, LimitFSIZE=).
        signal(SIGXFSZ, SIG_IGN)
        OpenFileLimit.raise()
        CoreDumps.forbid()
        exit(await run(Array(CommandLine.arguments.dropFirst())))
    }

    /// Returns the exit code: 0 success, 1 failure, 2 usage, 3 storage cannot be used.
    static func run(_ arguments: [String]) async -> Int32 {
        if let name = arguments.first, let message = RootCommand.unknownCommand(name) {
            printError(message)
            return 2
        }
        do {
            var command = try RootCommand.parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            return 0
        } catch let code as ExitCode {
            return code.rawValue
        } catch let error as LedgerError {
            printError("\(error)")
            return 3
        } catch let error as CommandFailure {
            printError(error.message)
            return 1
        } catch  where RootCommand.exitCode(for: error) == .success {
            // --help and --version are thrown as errors.
            print(RootCommand.fullMessage(for: error))
            return 0
        } catch  where RootCommand.exitCode(for: error) == .validationFailure {
            printError(RootCommand.fullMessage(for: error))
            return 2
        } catch {
            printError("\(error)")
            return 1
        }
    }

    private static func printError(_ message: String) {
        FileHandle.standardError.write(Data((message + "\n").utf8))
    }
}

/// The root of the command line.
struct RootCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "genai_usage_exporter",
        abstract: "Prometheus exporter for the cost, requests, tokens and success rate of AI inference.",
        version: version,
        subcommands: [
            ServeCommand.self, DemoCommand.self, CheckCommand.self, OnceCommand.self, BackfillCommand.self,
            FocusCommand.self, LedgerCommand.self, HealthCommand.self,
        ],
        defaultSubcommand: ServeCommand.self)

    static let build = BuildInformation(revision: gitRevision)

    /// Returns the message for a first argument that is neither an option nor a command: without it, ArgumentParser reports
    /// an unexpected argument of `serve`.
    static func unknownCommand(_ name: String) -> String? {
        let names = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
        guard !name.hasPrefix("-"), !names.contains(name) else { return nil }
        let hint =
            NearestName.suggestion(for: name, among: names).map { "did you mean `\($0)`?" }
            ?? "the commands are \(names.joined(separator: ", ")); the version is `--version`"
        return "Error: no command \(QuotedValue.text(name)): \(hint)"
    }

    private static var version: String {
        "genai_usage_exporter, version \(BuildInformation.version) (revision: \(build.revision))\n"
            + "  swift version:    \(build.swiftVersion)"
    }
}

/// A failed command with the message to print.
struct CommandFailure: Error, CustomStringConvertible {
    let message: String

    var description: String { message }
}
