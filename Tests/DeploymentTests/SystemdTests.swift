import Foundation
import TestSupport
import Testing

/// The unit is right in systemd's eyes, hardened, and the exporter runs under it.
@Suite(.timeLimit(.minutes(15))) struct SystemdTests {
    private static let unit = "\(Repository.path)/deploy/systemd/genai-usage-exporter.service"
    private static let socket = "\(Repository.path)/deploy/systemd/genai-usage-exporter.socket"

    /// Not another Python of the user's: under the restrictions homes cannot be read.
    private static let python = Tool(path: "/usr/bin/python3")

    private func analyze(_ arguments: [String]) throws -> (status: Int32, output: String) {
        try Tool(named: "systemd-analyze", installation: "apt-get install systemd").run(arguments)
    }

    @Test func systemdTakesUnitAndSocketWithoutAWord() async throws {
        try await withTemporaryFolder { root in
            let files = FileManager.default
            for folder in ["etc/systemd/system", "usr/lib/systemd", "usr/local/bin", "bin"] {
                try files.createDirectory(atPath: "\(root)/\(folder)", withIntermediateDirectories: true)
            }
            try files.copyItem(atPath: "/usr/lib/systemd/system", toPath: root + "/usr/lib/systemd/system")
            for file in [Self.unit, Self.socket] {
                try files.copyItem(
                    atPath: file, toPath: "\(root)/etc/systemd/system/\((file as NSString).lastPathComponent)")
            }
            try files.copyItem(atPath: "/bin/true", toPath: root + "/usr/local/bin/genai_usage_exporter")
            try files.copyItem(atPath: "/bin/kill", toPath: root + "/bin/kill")
            let verdict = try analyze([
                "--root=\(root)", "--man=no", "verify", "/etc/systemd/system/genai-usage-exporter.service",
                "/etc/systemd/system/genai-usage-exporter.socket",
            ])
            // It answers 0 to unknown keys and bad values too, and complains of them.
            #expect(verdict.status == 0)
            #expect(verdict.output.isEmpty, "\(verdict.output)")
        }
    }

    @Test func exposureIsUnderTwo() throws {
        // The threshold counts tenths.
        let verdict = try analyze(["security", "--offline=true", "--threshold=19", "--no-pager", Self.unit])
        #expect(verdict.status == 0, "\(verdict.output.suffix(200))")
    }

    /// What the restrictions forbid is refused there: files, devices, sockets, system calls.
    @Test func theRestrictionsHold() throws {
        let outcome = try Self.python.run([
            Repository.programs + "/restricted_run.py", "--self-test", Self.unit,
        ])
        #expect(outcome.status == 0, "\(outcome.output)")
    }

    @Test func theExporterRunsUnderTheUnitsRestrictions() async throws {
        try await withTemporaryFolder { folder in
            let state = folder + "/state"
            try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
            for place in [folder, state] {
                try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: place)
            }
            let exporter = try await ExporterProcess.start(
                ["demo", "--storage.path", "/var/lib/genai-usage-exporter"],
                by: (
                    Self.python,
                    [Repository.programs + "/restricted_run.py", "--state", state, Self.unit]
                ))
            try await exporter.waitUntilReady()
            let scrape = try await exporter.scrape()
            #expect(Set(scrape.samples("genai_up").compactMap { $0.labels["provider"] }).count == 5)
            #expect(scrape.samples("genai_up").allSatisfy { $0.value == 1 })
            for figure in ["process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total"] {
                #expect(scrape.value(figure) ?? 0 > 0, "\(figure)")
            }
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }
}
