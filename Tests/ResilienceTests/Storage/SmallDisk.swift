import Foundation
import TestSupport
import Testing

/// A file system of its own for one process: a tmpfs in a mount namespace, which ends with the process. No rights are
/// needed but that to make user namespaces.
struct SmallDisk {
    /// Where the process sees it.
    let path: String
    private let options: String
    private let unshare: Tool

    /// - Parameter size: as `mount -o size=` has it.
    init(at path: String, size: String) throws {
        try self.init(at: path, options: "size=\(size)")
    }

    init(at path: String, options: String) throws {
        self.path = path
        self.options = options
        unshare = try Tool(named: "unshare", installation: "apt-get install util-linux")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// Starts a program, given its command line, with the disk in place.
    var launcher: (tool: Tool, arguments: [String]) { (unshare, arguments) }

    private var arguments: [String] {
        ["-Urm", "sh", "-c", "mount -t tmpfs -o \(options) tmpfs '\(path)' && exec \"$@\"", "sh"]
    }

    /// Runs the exporter to its end with the disk in place.
    func run(_ command: [String]) throws -> (status: Int32, output: String) {
        try unshare.run(arguments + [ExporterProcess.binary.path] + command)
    }

    /// The disk as this process can reach it, while the exporter runs.
    func path(of exporter: ExporterProcess) -> String { "/proc/\(exporter.processIdentifier)/root\(path)" }

    /// Runs a command where the exporter is.
    func inside(_ exporter: ExporterProcess, _ command: [String]) throws {
        let nsenter = try Tool(named: "nsenter", installation: "apt-get install util-linux")
        let outcome = try nsenter.run(
            ["-t", "\(exporter.processIdentifier)", "-U", "-m", "--preserve-credentials"] + command)
        #expect(outcome.status == 0, "\(command): \(outcome.output)")
    }
}
