import Foundation
import ProviderSimulator
import TestSupport
import Testing
import UsageModel

/// Tests the status page in a real browser, at three widths, light and dark: no clipped text, no console messages, no
/// violations of axe-core's rules.
@Suite(.serialized) struct StatusPageBrowserTests {
    @Test("the demo's page has no problem at any width, light and dark", .timeLimit(.minutes(5)))
    func demo() async throws {
        let exporter = try await ExporterProcess.start(["demo"])
        try await exporter.waitUntilReady()
        try look(at: exporter)
        exporter.signal(SIGTERM)
        #expect(try await exporter.waitForExit() == 0)
    }

    /// With names of the maximum length.
    @Test("a page of 200 accounts, some of them failing, has no problem", .timeLimit(.minutes(10)))
    func manyAccounts() async throws {
        try await SimulatedAccount.run(interval: "1h") { account in
            let now = RealClock().now
            account.events.add(
                (0..<40).map {
                    UsageEvent(
                        time: now - .hours($0),
                        model: "a-vendor/and-a-very-long-model-name-without-any-break-\($0 % 9)",
                        unitPrice: .zero, cost: ExactDecimal($0 + 1), succeeded: $0 % 5 > 0)
                })
            let good = try String(contentsOfFile: account.configFile, encoding: .utf8)
            let entry = String(good[try #require(good.range(of: "accounts:\n")).upperBound...])
            let more = (1..<200).map { number in
                let name = number % 10 == 0 ? String(repeating: "w", count: 60) + "-\(number)" : "account-\(number)"
                let named = entry.replacing("name: media", with: "name: \(name)")
                return number % 7 == 0
                    ? named.replacing("api_key_env: WAVESPEED_API_KEY", with: "api_key: a-key-that-is-wrong") : named
            }
            try (good + "\n" + more.joined(separator: "\n"))
                .write(toFile: account.configFile, atomically: true, encoding: .utf8)
            let exporter = try await ExporterProcess.start(account.serveArguments, environment: account.environment)
            try await exporter.waitUntilReady()
            let page = String(decoding: try await exporter.get("/").body, as: UTF8.self)
            #expect(page.contains("200 accounts, 28 with a failing source."))
            try look(at: exporter, ruled: 2)
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    /// - Parameter ruled: number of the six renderings that axe-core checks, because it is slow on a page of 200
    ///   accounts.
    private func look(at exporter: ExporterProcess, ruled: Int = 6) throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "status_page.py")
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("looks-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let python = try Tool(named: "python3", installation: "apt-get install python3")
        let outcome = try python.run([script.path, "http://\(exporter.address)/", folder.path, "\(ruled)"])
        #expect(outcome.status == 0)
        #expect(outcome.output == "looked at 6\n")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 6)
    }
}
