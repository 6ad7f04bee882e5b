import Foundation

/// A program of this machine that judges our output, or that our output is for.
package struct Tool: Sendable {
    /// The program is not there: the test fails with the way to install it.
    package struct Missing: Error, CustomStringConvertible {
        /// What is missing and how to get it.
        package let description: String
    }

    /// Where the program is.
    package let path: String

    /// Looks the program up in `PATH`.
    package init(named name: String, installation: String) throws {
        let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
        guard let found = folders.map({ "\($0)/\(name)" }).first(where: FileManager.default.isExecutableFile) else {
            throw Missing(description: "\(name) is not installed; install it with: \(installation)")
        }
        path = found
    }

    /// Prometheus' own judge of expositions and rules.
    package static func promtool() throws -> Tool {
        try Tool(named: "promtool", installation: "apt-get install prometheus")
    }

    /// A program by its path.
    package init(path: String) {
        self.path = path
    }

    /// A process of the program that is not started yet.
    package func process(_ arguments: [String]) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        return process
    }

    /// Runs the program with the bytes as its standard input.
    ///
    /// - Returns: its exit status, and standard output and standard error as they came.
    package func run(_ arguments: [String], input: [UInt8] = []) throws -> (status: Int32, output: String) {
        // Input from a file, so that no pipe can fill up while the other is being read.
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("judged-\(UUID().uuidString)")
        try Data(input).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let output = Pipe()
        let process = process(arguments)
        process.standardInput = try FileHandle(forReadingFrom: file)
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
    }
}
