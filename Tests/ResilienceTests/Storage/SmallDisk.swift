import Foundation
import TestSupport
import Testing

/// A tmpfs in a mount namespace for one process, removed when the process exits. Requires only the permission to create
/// user namespaces.
struct SmallDisk {
    /// Mount point as the process sees it.
    let path: String
    private let options: String
    private let unshare: Tool

    /// - Parameter size: in the syntax of `mount -o size=`.
    init(at path: String, size: String) throws {
        try self.init(at: path, options: "size=\(size)")
    }

    init(at path: String, options: String) throws {
        self.path = path
        self.options = options
        unshare = try Tool(named: "unshare", installation: "apt-get install util-linux")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// Starts a program, given its command line, with the file system mounted.
    var launcher: (tool: Tool, arguments: [String]) { (unshare, arguments) }

    private var arguments: [String] {
        ["-Urm", "sh", "-c", "mount -t tmpfs -o \(options) tmpfs '\(path)' && exec \"$@\"", "sh"]
    }

    /// Runs the exporter until it exits, with the file system mounted.
    func run(_ command: [String]) throws -> (status: Int32, output: String) {
        try unshare.run(arguments + [ExporterProcess.binary.path] + command)
    }

    /// The file system's path in this process, while the exporter runs.
    func path(of exporter: ExporterProcess) -> String { "/proc/\(exporter.processIdentifier)/root\(path)" }

    /// Runs a command in the exporter's namespaces.
    func inside(_ exporter: ExporterProcess, _ command: [String]) throws {
        let nsenter = try Tool(named: "nsenter", installation: "apt-get install util-linux")
        let outcome = try nsenter.run(
            ["-t", "\(exporter.processIdentifier)", "-U", "-m", "--preserve-credentials"] + command)
        #expect(outcome.status == 0, "\(command): \(outcome.output)")
    }
}
