import Foundation
import TestSupport
import Testing

/// Tests that the ledger of an older version continues in this one.
///
/// `ledger-0.1.sqlite.gz` is the ledger of version 0.1's demo, and `metrics-0.1.txt` are the counters that this version
/// served from it.
@Suite(.timeLimit(.minutes(10))) struct StoredLedgerTests {
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures")

    /// Labels that have another name since 0.1.
    private static let renamed = [
        "genai_useapi_responses_total": ("endpoint", "operation"),
        "genai_request_duration_seconds": ("endpoint", "operation"),
    ]

    @Test("a ledger of version 0.1 is migrated, and every counter has its value")
    func counters() async throws {
        try await withTemporaryFolder { folder in
            let storage = folder + "/data"
            try FileManager.default.createDirectory(atPath: storage, withIntermediateDirectories: true)
            let compressed = Self.fixtures.appendingPathComponent("ledger-0.1.sqlite.gz").path
            let unpacked = try Tool(named: "sh", installation: "apt-get install dash").run([
                "-c", "gunzip -c \"$0\" > \"$1\"", compressed, storage + "/ledger.sqlite",
            ])
            #expect(unpacked.status == 0, "\(unpacked.output)")
            // Nothing listens at the accounts' addresses, so no figure comes from a provider.
            let exporter = try await ExporterProcess.start([
                "serve", "--config.file", Self.fixtures.appendingPathComponent("config.yml").path, "--storage.path",
                storage,
            ])
            let served = try await exporter.scrape()

            let text = try Data(contentsOf: Self.fixtures.appendingPathComponent("metrics-0.1.txt"))
            let before = Self.withNewNames(try Scrape(Array(text)).counters)
            #expect(before.count > 450)
            let after = served.counters
            for (series, value) in before { #expect(after[series] == value, "\(series)") }

            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
            let verified = try await ExporterProcess.run(["ledger", "verify", storage + "/ledger.sqlite"])
            #expect(verified.status == 0, "\(verified.output)")
        }
    }

    private static func withNewNames(_ counters: [String: Double]) -> [String: Double] {
        var renamed: [String: Double] = [:]
        for (series, value) in counters {
            var name = series
            for (family, label) in Self.renamed where series.hasPrefix(family) {
                name = name.replacingOccurrences(of: "\(label.0)=", with: "\(label.1)=")
                // Labels are in the order of their names.
                let parts = name.dropLast().split(separator: "{", maxSplits: 1)
                name = "\(parts[0]){\(parts[1].split(separator: ",").sorted().joined(separator: ","))}"
            }
            renamed[name] = value
        }
        return renamed
    }
}
