import Foundation
import NIOCore
import ProviderSimulator
import TestSupport
import Testing
import UsageModel

/// Tests that slow and malicious clients neither delay other clients' scrapes nor grow memory without bound.
///
/// The tests measure time and memory, so that they run serially, and the README's test command runs them after all
/// others.
@Suite(.serialized) struct LoadTests {
    /// The connections send nothing or half a request.
    @Test("10,000 idle connections", .timeLimit(.minutes(5))) func tenThousandIdleConnections() async throws {
        try await Self.serving(models: 10, flags: ["--web.max-connections", "11000"]) { exporter in
            try await warmUp(exporter)
            let before = try exporter.residentBytes
            var connections: [RawConnection] = []
            for number in 0..<10_000 {
                let connection = try await RawConnection(to: exporter.address)
                if number % 2 == 0 { try await connection.send("GET /metrics HTTP/1.1\r\nHost: x\r\nAcc") }
                connections.append(connection)
            }
            var times = ScrapeTimes()
            try await times.scrape(exporter, times: 300)
            let grown = try exporter.residentBytes - before
            print("10,000 idle connections: p99 \(times.p99) s, \(grown / 10_000) bytes each")
            #expect(times.p99 < 0.1)
            #expect(grown < 10_000 * 32_768)
            #expect(connections.filter(\.isOpen).count == 10_000)
            for connection in connections { try await connection.reset() }
        }
    }

    /// The clients request all metrics uncompressed, and read nothing.
    @Test("1,000 slow readers of 5 MB", .timeLimit(.minutes(5))) func slowReaders() async throws {
        try await Self.serving(models: 4_500) { exporter in
            try await warmUp(exporter)
            let page = try await exporter.get("/metrics").body.count
            #expect(page > 5_000_000)
            let before = try exporter.residentBytes
            var readers: [RawConnection] = []
            var times = ScrapeTimes()
            for number in 0..<1_000 {
                let reader = try await RawConnection(to: exporter.address, reads: false)
                try await reader.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                readers.append(reader)
                // Not more concurrently than are admitted, with scrapes of another client in between.
                if number % 4 == 0 { try await times.scrape(exporter, times: 1, every: .milliseconds(20)) }
            }
            try await times.scrape(exporter, times: 100)
            let grown = try exporter.residentBytes - before
            print("1,000 slow readers of \(page) bytes: p99 \(times.p99) s, \(grown) bytes more")
            #expect(times.p99 < 0.1)
            #expect(grown < 100_000_000)
            #expect(readers.filter(\.isOpen).count == 1_000)
            for reader in readers { try await reader.reset() }
        }
    }

    /// Over TLS each client's bytes are encrypted separately, but no more of them than it reads.
    @Test("300 slow readers of 5 MB over TLS", .timeLimit(.minutes(5))) func slowReadersOverTLS() async throws {
        try await Self.serving(models: 4_500, overTLS: true) { exporter in
            try await warmUp(exporter)
            // Most of a scrape's time is the test's side of a new connection, in a debug build.
            var baseline = ScrapeTimes()
            try await baseline.scrape(exporter, times: 100)
            let before = try exporter.residentBytes
            var readers: [RawConnection] = []
            for _ in 0..<300 {
                let reader = try await RawConnection(to: exporter.address, reads: false, isSecure: true)
                try await reader.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                while reader.text.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
                try await reader.stopReading()
                #expect(reader.text.hasPrefix("HTTP/1.1 200 "))
                readers.append(reader)
                try await Task.sleep(for: .milliseconds(10))
            }
            var times = ScrapeTimes()
            try await times.scrape(exporter, times: 100)
            let grown = try exporter.residentBytes - before
            print("300 slow readers over TLS: p99 \(times.p99) s (baseline \(baseline.p99) s), \(grown) bytes more")
            #expect(times.p99 < baseline.p99 + 0.1)
            #expect(grown < 300 * 400_000)
            for reader in readers { try await reader.reset() }
        }
    }

    /// No endpoint needs a body: a long one is rejected at once, and not buffered.
    @Test(
        "a request body of 1 GB", .timeLimit(.minutes(5)),
        arguments: [
            "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n",
            "POST /-/sync HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n",
            "POST /-/sync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n40000000\r\n",
        ])
    func gigabyteBody(head: String) async throws {
        try await Self.serving(models: 10) { exporter in
            try await warmUp(exporter)
            let before = try exporter.residentBytes
            let sender = try await RawConnection(to: exporter.address)
            try await sender.send(head)
            let megabyte = ByteBuffer(repeating: 0x61, count: 1 << 20)
            let sending = Task {
                var sent = 0
                while sent < 1024, (try? await sender.send(megabyte)) != nil { sent += 1 }
                return sent
            }
            var times = ScrapeTimes()
            try await times.scrape(exporter, times: 100, every: .milliseconds(5))
            let sent = await sending.value
            try await sender.waitForClose()
            let grown = try exporter.residentBytes - before
            print("a body: \(sent) MiB taken, p99 \(times.p99) s, \(grown) bytes more")
            #expect(sender.text.hasPrefix("HTTP/1.1 413 "))
            #expect(times.p99 < 0.1)
            #expect(grown < 50_000_000)
        }
    }

    @Test(
        "invalid HTTP gets a 400 or no response, and closes the connection", .timeLimit(.minutes(5)),
        arguments: [
            "GET /\(String(repeating: "a", count: 1 << 20)) HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: \(String(repeating: "a", count: 1 << 20))\r\n\r\n",
            "GET / HTTP/1.1\r\n\(String(repeating: "A: b\r\n", count: 100_000))\r\n",
            String(repeating: "\u{0}\u{1}garbage\r\n", count: 100_000), "\r\n\r\n\r\nnonsense\r\n\r\n",
            "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
            "GET /metrics HTTP/9.9\r\nHost: x\r\nTransfer-Encoding: gzip, nothing\r\n\r\n",
        ])
    func garbage(garbage: String) async throws {
        try await Self.serving(models: 10) { exporter in
            try await warmUp(exporter)
            let connection = try await RawConnection(to: exporter.address)
            try? await connection.send(garbage)
            try await connection.waitForClose()
            #expect(
                connection.text.isEmpty || connection.text.hasPrefix("HTTP/1.1 4"), "\(connection.text.prefix(100))")
            var times = ScrapeTimes()
            try await times.scrape(exporter, times: 20)
            #expect(times.p99 < 0.1)
        }
    }

    /// The client does not read the responses.
    @Test("10,000 pipelined requests and then garbage", .timeLimit(.minutes(5)))
    func pipelinedRequestsAndGarbage() async throws {
        try await Self.serving(models: 1_000) { exporter in
            try await warmUp(exporter)
            let before = try exporter.residentBytes
            let requests = ByteBuffer(
                string: String(repeating: "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", count: 10_000)
                    + String(repeating: "garbage\r\n", count: 10_000))
            var connections: [RawConnection] = []
            var sending: [Task<Void, Never>] = []
            for _ in 0..<100 {
                let connection = try await RawConnection(to: exporter.address, reads: false)
                // Waits while the exporter does not read.
                sending.append(Task { try? await connection.send(requests) })
                connections.append(connection)
            }
            var times = ScrapeTimes()
            try await times.scrape(exporter, times: 200, every: .milliseconds(5))
            let grown = try exporter.residentBytes - before
            print("100 × 10,000 pipelined requests: p99 \(times.p99) s, \(grown) bytes more")
            #expect(times.p99 < 0.1)
            #expect(grown < 100_000_000)
            for connection in connections { try await connection.reset() }
            for task in sending { await task.value }
        }
    }

    /// Runs an exporter with one account that has the given number of models.
    static func serving(
        models: Int, overTLS isSecure: Bool = false, flags: [String] = [],
        _ body: (ExporterProcess) async throws -> Void
    ) async throws {
        try await SimulatedAccount.run(interval: "1h", seriesLimit: 1_000_000) { account in
            var arguments = account.serveArguments + ["--web.enable-lifecycle"] + flags
            if isSecure {
                try SelfSignedCertificate(folder: account.folder).renew("localhost")
                let file = account.folder + "/web.yml"
                try SelfSignedCertificate.section.write(toFile: file, atomically: true, encoding: .utf8)
                arguments += ["--web.config.file", file]
            }
            let now = RealClock().now
            account.events.add(
                (0..<models).map {
                    UsageEvent(
                        time: now - .hours(30), model: "vendor/a-model-with-a-rather-long-name-number-\($0)",
                        modality: "text-to-video", unitPrice: .zero, cost: ExactDecimal(micros: $0 + 1))
                })
            let exporter = try await ExporterProcess.start(
                arguments, environment: account.environment, scheme: isSecure ? "https" : "http")
            try await exporter.waitUntilReady()
            try await body(exporter)
            exporter.signal(SIGTERM)
            #expect(try await exporter.waitForExit() == 0)
        }
    }

    private func warmUp(_ exporter: ExporterProcess) async throws {
        var times = ScrapeTimes()
        try await times.scrape(exporter, times: 20)
    }
}
