import Foundation
import ProviderSimulator
import TestSupport
import Testing
import UsageModel

/// Tests twice as many idle connections as the process may open files, reopened when they are closed.
extension LoadTests {
    /// Duration of each flood; `GENAI_TEST_FLOOD_SECONDS=120` for two minutes.
    private static let floodLength = Duration.seconds(
        ProcessInfo.processInfo.environment["GENAI_TEST_FLOOD_SECONDS"].flatMap { Int($0) } ?? 8)
    /// RLIMIT_NOFILE of the exporters; `GENAI_TEST_FLOOD_FILES=4096` for a higher one.
    private static let openFiles =
        ProcessInfo.processInfo.environment["GENAI_TEST_FLOOD_FILES"].flatMap { Int($0) } ?? 512

    @Test(
        "a flood of idle connections neither ends the process nor blocks scrapes, syncs and commits",
        .timeLimit(.minutes(10)), arguments: [false, true])
    func idleFlood(isSecure: Bool) async throws {
        try await SimulatedAccount.run { account in
            var arguments = account.serveArguments
            if isSecure {
                try SelfSignedCertificate(folder: account.folder).renew("localhost")
                let file = account.folder + "/web.yml"
                try SelfSignedCertificate.section.write(toFile: file, atomically: true, encoding: .utf8)
                arguments += ["--web.config.file", file]
            }
            let shell = try Tool(named: "bash", installation: "apt-get install bash")
            let exporter = try await ExporterProcess.start(
                arguments, environment: account.environment, scheme: isSecure ? "https" : "http",
                by: (shell, ["-c", "ulimit -n \(Self.openFiles); exec \"$@\"", "bash"]))
            try await exporter.waitUntilReady()
            let before = try await exporter.scrape()
            let flood = Task { try await Self.flood(exporter.address, isSecure: isSecure) }
            // The start of the flood is measured too.
            var times = ScrapeTimes()
            var queued: [RawConnection] = []
            let start = ContinuousClock.now
            var used = 0
            while ContinuousClock.now - start < Self.floodLength {
                account.events.add([
                    UsageEvent(
                        time: RealClock().now - .minutes(1), model: "model", modality: "text-to-video",
                        unitPrice: .zero, cost: ExactDecimal(1))
                ])
                used += 1
                // Requests that wait for a thread, because their responses are rendered for each request.
                for connection in queued { try? await connection.reset() }
                queued = []
                for _ in 0..<20 {
                    let connection = try await RawConnection(to: exporter.address, isSecure: isSecure)
                    try? await connection.send(
                        String(repeating: "GET /probe?target=media HTTP/1.1\r\nHost: x\r\n\r\n", count: 5)
                            + String(repeating: "GET / HTTP/1.1\r\nHost: x\r\n\r\n", count: 5))
                    queued.append(connection)
                }
                for _ in 0..<10 {
                    do {
                        try await times.scrape(exporter, times: 1, every: .milliseconds(50))
                    } catch {
                        // Closed to make room before this process sent its request.
                        times.addFailure()
                    }
                }
            }
            let files = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(exporter.processIdentifier)/fd")
            flood.cancel()
            let opened = try await flood.value
            for connection in queued { try? await connection.reset() }
            let cost = "genai_cost_usd_total"
            let expected = (before.value(cost, ["model": "model"]) ?? 0) + Double(used)
            let after = try await exporter.scrape { $0.value(cost, ["model": "model"]) == expected }
            let syncs = after.samples("genai_syncs_total").filter { $0.labels["result"] != "success" }
            print(
                "flood of \(opened) connections\(isSecure ? " to TLS" : ""), \(Self.openFiles) files, "
                    + "\(Self.floodLength): p99 \(times.p99) s of \(times.seconds.count), \(times.failures) failed, \(files.count) files open"
            )
            #expect(times.p99 < 1)
            #expect(files.count < Self.openFiles * 3 / 4)
            #expect(syncs.map(\.value).reduce(0, +) == 0)
            #expect(exporter.log.contains("--web.max-connections"))
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    /// Keeps connections open until cancelled.
    ///
    /// - Returns: number of opened connections.
    private static func flood(_ address: String, isSecure: Bool) async throws -> Int {
        var connections: [RawConnection?] = Array(repeating: nil, count: 2 * openFiles)
        var opened = 0
        while !Task.isCancelled {
            for index in connections.indices where connections[index]?.isOpen != true && !Task.isCancelled {
                let hasHandshake = isSecure && index % 4 < 2
                guard let connection = try? await RawConnection(to: address, isSecure: hasHandshake) else { continue }
                // Silent, or the beginning of a request or of a handshake.
                if index % 2 == 0 {
                    let isClear = !isSecure || hasHandshake
                    try? await connection.send(isClear ? "GET /metrics HTTP/1.1\r\nHost: x\r\nAcc" : "\u{16}\u{3}")
                }
                connections[index] = connection
                opened += 1
            }
            try? await Task.sleep(for: .milliseconds(100))
        }
        for connection in connections { try? await connection?.reset() }
        return opened
    }
}
