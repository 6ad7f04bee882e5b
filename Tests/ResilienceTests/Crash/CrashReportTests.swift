import Foundation
import TestSupport
import Testing

/// Crash reports may be shared, so they must not contain keys.
@Suite(.serialized, .timeLimit(.minutes(15))) struct CrashReportTests {
    @Test("a crash report contains no key", arguments: [SIGSEGV, SIGABRT])
    func report(crash: Int32) async throws {
        try await ServedWorld.run { world in
            let exporter = try await crashable(
                world, backtrace: "enable=yes,color=no,interactive=no,symbolicate=off,output-to=stderr")
            exporter.signal(crash)
            // The crashing process writes the report, but a signal sent from outside does not end it.
            while !exporter.log.contains("Backtrace took") { try await Task.sleep(for: .milliseconds(100)) }
            exporter.signal(SIGKILL)
            try await exporter.waitForExit()
            #expect(exporter.log.contains("Registers:"))
            expectNoKeys(in: ["log": exporter.log])
        }
    }

    @Test("a crash dumps no memory to a file")
    func coreDump() async throws {
        try await ServedWorld.run { world in
            let exporter = try await crashable(world, backtrace: "enable=no")
            let limits = try String(contentsOfFile: "/proc/\(exporter.processIdentifier)/limits", encoding: .utf8)
            #expect(limits.contains(/Max core file size +1 +/))
            exporter.signal(SIGSEGV)
            try await exporter.waitForExit()
            #expect(try FileManager.default.contentsOfDirectory(atPath: workFolder(of: world)).isEmpty)
        }
    }

    /// An exporter that has read all keys, in its own directory, without a core dump limit.
    private func crashable(_ world: ServedWorld, backtrace: String) async throws -> ExporterProcess {
        let folder = workFolder(of: world)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let unlimited = ["-c", #"ulimit -c unlimited; cd "$0"; exec "$@""#, folder]
        let exporter = try await ExporterProcess.start(
            world.serve, environment: ["SWIFT_BACKTRACE": backtrace], by: (Tool(path: "/bin/bash"), unlimited))
        _ = try await exporter.healthyScrape()
        return exporter
    }

    private func workFolder(of world: ServedWorld) -> String { world.folder + "/work" }
}
