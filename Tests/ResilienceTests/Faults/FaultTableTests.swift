import ExporterCore
import ExporterTestSupport
import PrometheusExposition
import PrometheusExpositionTesting
import ProviderSimulator
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Runs each row of the table for all sources of all providers at once.
@Suite struct FaultTableTests {
    @Test(
        "a fault is reported, keeps old values, and is recovered from",
        .serialized, arguments: FaultRow.all.filter { !$0.isSlow })
    func fault(row: FaultRow) async throws {
        try await run(row)
    }

    /// In parallel, because these only wait for timeouts.
    @Test(
        "a slow response is reported, keeps old values, and is recovered from",
        arguments: FaultRow.all.filter(\.isSlow))
    func slowResponse(row: FaultRow) async throws {
        try await run(row)
    }

    private func run(_ row: FaultRow) async throws {
        try await SimulatedFleet.run(serverClock: row.isSlow ? SystemClock() : nil) { rig in
            try await rig.withExporter { exporter in
                #expect(try await rig.sync(exporter))
                let sources = try exporter.scrape().upBySource
                let providers = Set(sources.keys.map { $0.split(separator: "/").first ?? "" })
                #expect(providers.count == TestedProvider.all.count)
                try rig.expectSameUsage(exporter)

                try await rig.begin(row, exporter)
                rig.log.clear()
                rig.clock.advance(by: .hours(1))
                let before = try exporter.usage
                #expect(try await rig.sync(exporter) == (row.result == nil))
                expectSeen(row, try exporter.scrape(), rig.log.lines, sources: Set(sources.keys))
                expectNothingFell(before, try exporter.usage)
                try await rig.expectNoSecrets(exporter)

                try await rig.end(exporter)
                rig.clock.advance(by: .hours(1))
                #expect(try await rig.sync(exporter))
                #expect(try exporter.scrape().upBySource.values.allSatisfy { $0 == 1 })
                if row.leavesNothing { try rig.expectSameUsage(exporter) }
                expectNothingFell(before, try exporter.usage)
            }
        }
    }

    private func expectSeen(_ row: FaultRow, _ scrape: Scrape, _ lines: [String], sources: Set<String>) {
        let failed = Set(scrape.upBySource.filter { $0.value == 0 }.keys)
        let log = lines.filter { $0.contains("msg=\"sync failed\"") }
        guard let result = row.result else {
            #expect(failed.isEmpty && log.isEmpty)
            return
        }
        #expect(sources.subtracting(failed) == row.spares)
        for sample in scrape.samples("genai_syncs_total") where sample.labels["result"] == result.rawValue {
            #expect(sample.value == (failed.contains(sample.source) ? 1 : 0), "\(sample.source)")
        }
        // One line per source and account, with the source, the reason and the error.
        #expect(log.count == scrape.samples("genai_up").count { $0.value == 0 })
        for line in log {
            let isLogged = row.says.contains(where: line.contains) && line.contains("reason=\(result.rawValue) ")
            #expect(isLogged && line.contains("source=") && line.contains("account="), "\(line.prefix(300))")
            #expect(line.utf8.count < 1000)
        }
    }
}

extension Scrape {
    /// `genai_up` by `provider/source`: the minimum over the accounts.
    var upBySource: [String: Double] {
        Dictionary(samples("genai_up").map { ($0.source, $0.value) }, uniquingKeysWith: min)
    }
}

extension ParsedSample {
    /// `provider/source`.
    var source: String { "\(labels["provider", default: ""])/\(labels["source", default: ""])" }
}

extension SimulatedFleet {
    fileprivate func begin(_ row: FaultRow, _ exporter: Exporter) async throws {
        var misled = configuration
        for index in misled.accounts.indices {
            if row.isSlow { misled.accounts[index].timeout = .seconds(2) }
            guard case .elsewhere(let address) = row.cause else { continue }
            misled.accounts[index].baseURL = address(baseURL.split(separator: ":").last.map(String.init) ?? "")
        }
        if misled != configuration { try await exporter.reload(misled) }
        if case .answers(let fault) = row.cause { server.faults.stand(fault, at: "/") }
    }

    fileprivate func end(_ exporter: Exporter) async throws {
        server.faults.clear()
        server.faults.release()
        try await exporter.reload(configuration)
    }

    /// Asserts that no account's key is exposed in the log down to `debug`, in either format of `/metrics`, or on the
    /// status page.
    func expectNoSecrets(_ exporter: Exporter, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let snapshot = exporter.store.current
        expectNoKeys(
            in: [
                "log": log.lines.joined(),
                "text": String(decoding: snapshot.body(.text004, .identity).bytes, as: UTF8.self),
                "OpenMetrics": String(decoding: snapshot.body(.openMetrics100, .identity).bytes, as: UTF8.self),
                "page": try await page(exporter),
            ], sourceLocation: sourceLocation)
    }
}
