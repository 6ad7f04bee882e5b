import TestSupport
import Testing
import UsageLedger
import UsageModel

@testable import ExporterCore

@Suite struct AccountExpositionTests {
    private static let slice = SliceID(period: friday.day.period)

    /// One request of a model and 2 seconds of its duration, or several.
    private func reading(requests: Int) -> Reading {
        var reading = Reading()
        let labels = ["imagen-4", "post-videos"]
        let cells = [
            Cell(.requests, ["", "imagen-4"], ExactDecimal(requests)),
            Cell(.duration, labels + [LedgerFamily.durationBound(5)], ExactDecimal(requests)),
            Cell(.duration, labels + [LedgerFamily.durationSum], ExactDecimal(2 * requests)),
        ]
        reading.slices = [SliceReading(Self.slice, cells: cells, readAt: friday)]
        reading.completesHistory = true
        return reading
    }

    /// Two bots of one account add to one series; which one's task goes on first after its commit is chance.
    @Test(arguments: [false, true]) func sourcesThatShareSeriesMayReportInAnyOrder(isRenamed: Bool) async throws {
        try await withTemporaryFolder { folder in
            let clock = ManualClock(friday)
            let ledger = try await UsageLedger.open(folder: folder, now: friday)
            let start = friday.day.start
            let account = try await ledger.registerAccount(
                "studio", provider: "useapi", proposedStart: start, now: friday)
            let store = SnapshotStore()
            let renderer = try MetricsRenderer(publishingTo: store)
            var options = LabelOptions()
            if isRenamed { options.rename = ["model": ["imagen-4": "imagen"]] }
            let exposition = AccountExposition(
                AccountExposition.Identity(index: 0, provider: "useapi", name: "studio"), account: account,
                ledger: ledger, renderer: renderer,
                options: AccountExposition.Options(
                    windows: [], zeroFirst: .zero, view: LabelView(options, salt: "salt", limit: 100),
                    seriesLimit: 100, monthlyBudget: nil),
                clock: clock)
            var changes: [(LedgerChange, LedgerSource)] = []
            for (name, requests) in [("stats/a", 1), ("stats/b", 2)] {
                let source = try await ledger.registerSource(name, of: account.id, proposedStart: start, now: friday)
                let change = try await ledger.commit(
                    reading(requests: requests), to: source.id, now: friday, ladder: .standard)
                changes.append((change, source))
            }
            for (change, source) in changes.reversed() { try await exposition.show(change, from: source) }
            await renderer.publish()
            let scrape = try Scrape(store.current.body(.text004, .identity).bytes)
            let model = isRenamed ? "imagen" : "imagen-4"
            #expect(scrape.value("genai_requests_total", ["model": model]) == 3)
            let durations = scrape.samples("genai_request_duration_seconds")
            #expect(durations.first { $0.name.hasSuffix("_count") }?.value == 3)
            #expect(durations.first { $0.name.hasSuffix("_sum") }?.value == 6)
            #expect(durations.allSatisfy { $0.labels["model"] == model })
            #expect(scrape.value("genai_series") == 3)
            try await ledger.close()
        }
    }
}
