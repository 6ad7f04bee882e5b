import Foundation
import TestSupport
import Testing

/// Durations of scrapes by a well-behaved client while others misbehave.
struct ScrapeTimes {
    private(set) var seconds: [Double] = []

    /// Scrapes as Prometheus does, but over a new connection each time.
    mutating func scrape(_ exporter: ExporterProcess, times: Int, every pause: Duration = .zero) async throws {
        for _ in 0..<times {
            let start = ContinuousClock.now
            let response = try await exporter.get("/metrics", headers: [("Accept-Encoding", "gzip")])
            let taken = ContinuousClock.now - start
            #expect(response.status == 200)
            #expect(response.body.count > 100)
            seconds.append(Double(taken.components.seconds) + Double(taken.components.attoseconds) / 1e18)
            if pause > .zero { try await Task.sleep(for: pause) }
        }
    }

    /// Counts a scrape without a response, with an infinite duration.
    mutating func addFailure() { seconds.append(.infinity) }

    var failures: Int { seconds.count { $0.isInfinite } }

    var p99: Double {
        let sorted = seconds.sorted()
        return sorted.isEmpty ? .infinity : sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
    }
}

extension ExporterProcess {
    /// Bytes in memory now (VmRSS of proc(5)).
    var residentBytes: Int {
        get throws {
            let status = try String(contentsOfFile: "/proc/\(processIdentifier)/status", encoding: .utf8)
            let match = try #require(status.firstMatch(of: /VmRSS:\s+(\d+) kB/))
            return try #require(Int(match.1)) * 1024
        }
    }
}
