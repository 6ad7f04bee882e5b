import Foundation
import TestSupport
import Testing

/// Tests that copies of a large ledger do not delay scrapes.
@Suite(.serialized) struct SnapshotLoadTests {
    @Test("snapshots of a ledger with 20,000 series, one after another", .timeLimit(.minutes(5)))
    func snapshots() async throws {
        try await withTemporaryFolder { folder in
            try await LoadTests.serving(models: 5_000, flags: ["--storage.path", folder + "/data"]) { exporter in
                var baseline = ScrapeTimes()
                try await baseline.scrape(exporter, times: 20)
                baseline = ScrapeTimes()
                try await baseline.scrape(exporter, times: 300, every: .milliseconds(10))
                let file = folder + "/copy"
                let copying = Task {
                    var count = 0
                    while !Task.isCancelled {
                        let arguments = ["ledger", "snapshot", "--storage.path", folder + "/data", "--output", file]
                        let outcome = try await ExporterProcess.run(arguments)
                        #expect(outcome.status == 0, "\(outcome.errors)")
                        count += 1
                    }
                    return count
                }
                var times = ScrapeTimes()
                try await times.scrape(exporter, times: 300, every: .milliseconds(10))
                copying.cancel()
                let count = try await copying.value
                print("scrapes: p99 \(times.p99) s during \(count) snapshots, \(baseline.p99) s without")
                #expect(count > 0)
                #expect(times.p99 < baseline.p99 + 0.1)
                #expect(try await ExporterProcess.run(["ledger", "verify", file]).status == 0)
            }
        }
    }
}
