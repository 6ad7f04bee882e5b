import Foundation

/// An external program that checks or consumes the exporter's output.
package struct Tool: Sendable {
    /// A missing program; the test fails with the way to install it.
    package struct Missing: Error, CustomStringConvertible {
        package let description: String
    }

    /// Path of the executable.
    package let path: String

    /// Looks up the program in `PATH`.
    package init(named name: String, installation: String) throws {
        let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
        guard let found = folders.map({ "\($0)/\(name)" }).first(where: FileManager.default.isExecutableFile) else {
            throw Missing(description: "\(name) is not installed; install it with: \(installation)")
        }
        path = found
    }

    /// Prometheus' checker for expositions and rules.
    package static func promtool() throws -> Tool {
        try Tool(named: "promtool", installation: "apt-get install prometheus")
    }

    package init(path: String) {
        self.path = path
    }

    /// A process of the program, not started yet.
    package func process(_ arguments: [String]) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        return process
    }

    /// Runs the program with the bytes as its standard input.
    ///
    /// - Returns: exit status, and standard output and standard error interleaved.
    package func run(_ arguments: [String], input: [UInt8] = []) throws -> (status: Int32, output: String) {
        // Input comes from a file, so that no pipe can fill up while the other is being read.
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("input-\(UUID().uuidString)")
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
