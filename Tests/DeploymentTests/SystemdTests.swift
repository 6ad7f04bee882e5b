import Foundation
import TestSupport
import Testing

/// Checks that the systemd unit is valid and hardened, and that the exporter runs under it.
@Suite(.timeLimit(.minutes(15))) struct SystemdTests {
    private static let unit = "\(Repository.path)/deploy/systemd/genai-usage-exporter.service"
    private static let socket = "\(Repository.path)/deploy/systemd/genai-usage-exporter.socket"

    /// The system's Python, because the restrictions hide home directories, where another one may be.
    private static let python = Tool(path: "/usr/bin/python3")

    private func analyze(_ arguments: [String]) throws -> (status: Int32, output: String) {
        try Tool(named: "systemd-analyze", installation: "apt-get install systemd").run(arguments)
    }

    @Test("systemd accepts unit and socket without warnings")
    func verify() async throws {
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
            let result = try analyze([
                "--root=\(root)", "--man=no", "verify", "/etc/systemd/system/genai-usage-exporter.service",
                "/etc/systemd/system/genai-usage-exporter.socket",
            ])
            // systemd-analyze exits with 0 for unknown keys and invalid values, too, and prints warnings.
            #expect(result.status == 0)
            #expect(result.output.isEmpty, "\(result.output)")
        }
    }

    @Test("the exposure level is below 2")
    func exposure() throws {
        // The threshold is in tenths.
        let result = try analyze(["security", "--offline=true", "--threshold=19", "--no-pager", Self.unit])
        #expect(result.status == 0, "\(result.output.suffix(200))")
    }

    /// Tries forbidden accesses: files, devices, sockets, system calls.
    @Test("the restrictions are enforced")
    func restrictions() throws {
        let outcome = try Self.python.run([
            Repository.programs + "/restricted_run.py", "--self-test", Self.unit,
        ])
        #expect(outcome.status == 0, "\(outcome.output)")
    }

    @Test("the exporter runs under the unit's restrictions")
    func exporter() async throws {
        try await withTemporaryFolder { folder in
            let state = folder + "/state"
            try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
            for directory in [folder, state] {
                try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory)
            }
            let exporter = try await ExporterProcess.start(
                ["demo", "--storage.path", "/var/lib/genai-usage-exporter"],
                by: (
                    Self.python,
                    [Repository.programs + "/restricted_run.py", "--state", state, Self.unit]
                ))
            try await exporter.waitUntilReady()
            let scrape = try await exporter.scrape()
            let providers = Set(scrape.samples("genai_up").compactMap { $0.labels["provider"] })
            #expect(providers == Set(TestedProvider.all.map(\.name)))
            #expect(scrape.samples("genai_up").allSatisfy { $0.value == 1 })
            for metric in ["process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total"] {
                #expect(scrape.value(metric) ?? 0 > 0, "\(metric)")
            }
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }
}
