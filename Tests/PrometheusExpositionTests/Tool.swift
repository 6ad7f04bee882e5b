import Foundation
import Testing

/// A program of this machine that judges our output.
struct Tool {
    private let path: String

    /// Looks the program up in `PATH`; the test fails with the way to install it when it is not there.
    init(named name: String, installation: String) throws {
        let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
        path = try #require(
            folders.map { "\($0)/\(name)" }.first(where: FileManager.default.isExecutableFile),
            "\(name) is not installed; install it with: \(installation)")
    }

    /// Runs the program with the bytes as its standard input.
    ///
    /// - Returns: its exit status, and standard output and standard error as they came.
    func run(_ arguments: [String], input: [UInt8]) throws -> (status: Int32, output: String) {
        // Input from a file, so that no pipe can fill up while the other is being read.
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("judged-\(UUID().uuidString)")
        try Data(input).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let output = Pipe()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardInput = try FileHandle(forReadingFrom: file)
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
    }
}
