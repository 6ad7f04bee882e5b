import Foundation
import PrometheusExposition
import PrometheusExpositionTesting
import ProviderSimulator
import TestSupport
import Testing

/// Tests memory, page and ledger of an exporter while all sources of all accounts have the same fault, and another
/// account is healthy.
///
/// The bounds are for a debug build, relative to the process with healthy accounts only.
@Suite(.serialized, .timeLimit(.minutes(15))) struct HostileMemoryTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let fault: Fault
        /// Maximum growth of the peak of resident memory in MB, by the number of sources with the fault. A response has
        /// at most 8 MiB.
        let megabytes: @Sendable (_ sources: Int) -> Int
    }

    static let rows = [
        Row(testDescription: "a body of 10 GB", fault: .hugeBody(bytes: 10 << 30), megabytes: { _ in 20 }),
        Row(testDescription: "a body without an end", fault: .endlessBody, megabytes: { 9 * $0 }),
        Row(
            testDescription: "a gzip body that expands to 10 GB", fault: .gzipBomb(mebibytes: 10 << 10),
            megabytes: { 9 * $0 }),
        Row(testDescription: "JSON a million deep", fault: .deepJSON(depth: 1_000_000), megabytes: { 3 * $0 }),
        Row(testDescription: "a million models", fault: .crowd(1_000_000), megabytes: { 7 * $0 }),
        Row(
            testDescription: "names of 100,000 characters", fault: .altered(.longNames(characters: 100_000)),
            megabytes: { 2 * $0 }),
    ]

    @Test("memory, page and ledger stay bounded", arguments: rows) func bounds(row: Row) async throws {
        let clock = RealClock()
        let accounts = ProviderAccounts(clock: clock)
        try await withTemporaryFolder { folder in
            try await withSimulator(accounts.providers, clock: clock) { healthy, healthyURL in
                try await withSimulator(accounts.providers, clock: clock) { faulty, faultyURL in
                    // The request limits of the documentation would have each sync take up to a minute.
                    faulty.faults.stand(.headers(["X-RateLimit-Limit": "60000"]), at: "/")
                    let file = folder + "/config.yml"
                    try ProviderAccountsConfig.text(
                        baseURL: faultyURL, options: ["sync_interval: 10s"], healthyURL: healthyURL
                    ).write(toFile: file, atomically: true, encoding: .utf8)
                    let exporter = try await ExporterProcess.start([
                        "serve", "--config.file", file, "--storage.path", folder + "/data", "--web.enable-lifecycle",
                    ])
                    try await exporter.waitUntilReady()
                    let before = try await exporter.scrape()
                    let idle = try peak(of: exporter)

                    faulty.faults.stand(row.fault, at: "/")
                    for _ in 0..<2 { try await syncAll(exporter) }
                    let grown = try peak(of: exporter) - idle
                    let sources = before.samples("genai_up").count { $0.labels["account"] != "healthy" }
                    let page = try await exporter.get("/metrics").body.count
                    let ledger = try size(of: folder + "/data")
                    #expect(grown <= row.megabytes(sources), "over \(idle) MB, \(sources) sources")
                    #expect(page < 20_000_000)
                    #expect(ledger < 100_000_000)

                    let during = try await exporter.scrape()
                    for sample in during.samples("genai_up") where sample.labels["account"] == "healthy" {
                        #expect(sample.value == 1)
                    }
                    let cost = "genai_cost_usd_total"
                    #expect(
                        during.values(cost, by: "model", account: "healthy")
                            == before.values(cost, by: "model", account: "healthy"))

                    faulty.faults.clear()
                    // A sync may have begun before the faults ended: the second one has not.
                    for _ in 0..<2 { try await syncAll(exporter) }
                    let after = try await exporter.scrape()
                    let limited = Set(after.samples("genai_upstream_quota_limit").map(name))
                    #expect(after.samples("genai_up").allSatisfy { $0.value == 1 || limited.contains(name($0)) })
                    exporter.signal(SIGTERM)
                    #expect(try await exporter.waitForExit() == 0)
                }
            }
        }
    }

    /// Syncs every source again and waits for all of them, except those with a quota, which after a failure wait for
    /// their next scheduled time.
    private func syncAll(_ exporter: ExporterProcess) async throws {
        let scrape = try await exporter.scrape()
        let limited = Set(scrape.samples("genai_upstream_quota_limit").map(name))
        let before = syncs(scrape).filter { !limited.contains($0.key) }
        while true {
            let now = syncs(try await exporter.scrape())
            if before.allSatisfy({ now[$0.key, default: 0] > $0.value }) { break }
            // Rejected for some seconds after the last one, and without effect during a back-off.
            #expect(try await [202, 429].contains(exporter.get("/-/sync", method: "POST").status))
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// Number of syncs of each source.
    private func syncs(_ scrape: Scrape) -> [String: Double] {
        Dictionary(
            scrape.samples("genai_syncs_total").map { (name($0), $0.value) }, uniquingKeysWith: +)
    }

    /// The account and source of a sample.
    private func name(_ sample: ParsedSample) -> String {
        "\(sample.labels["account", default: ""])/\(sample.labels["source", default: ""])"
    }

    /// Peak of the process's resident memory, in MB.
    private func peak(of exporter: ExporterProcess) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(exporter.processIdentifier)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }) / 1000
    }

    private func size(of folder: String) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: folder).reduce(0) { sum, name in
            let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/" + name)
            return sum + ((attributes[.size] as? NSNumber)?.intValue ?? 0)
        }
    }
}
