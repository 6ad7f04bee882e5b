import ExporterTestSupport
import NIOConcurrencyHelpers
import Testing
import TestSupport
import UsageModel

@testable import ExporterCore

/// Compares FOCUS files with served windows that need a clock of the test.
@Suite struct FocusWindowTests {
    @Test("the month of a provider that only shows spending since the last reading equals its file to the last digit")
    func readingByReading() async throws {
        try await CheapestInferenceRig.run(seed: 9) { rig in
            rig.use(40, in: Period(start: friday - .days(10), end: friday))
            let december = try #require(UTCDay("2026-12-01"))
            let scrape = try await rig.rig.withExporter { exporter in
                _ = try await exporter.syncOnce()
                while rig.clock.now < december.start + .hours(30) { _ = try await rig.hour(exporter, use: 1) }
                return try exporter.scrape()
            }
            let text = NIOLockedValueBox<[UInt8]>([])
            _ = try await FocusExport(
                days: december.advanced(by: -12)...rig.clock.now.day, version: .v14,
                configuration: rig.rig.configuration
            ).run(folder: rig.rig.folder, write: { chunk in text.withLockedValue { $0 += chunk } }, progress: { _ in })
            let rows = try CSVTable(String(decoding: text.withLockedValue { $0 }, as: UTF8.self)).rows
            let spent = try rows.filter { $0["BillingPeriodStart"] == "\(december)T00:00:00Z" }
                .reduce(into: [String: ExactDecimal]()) { sums, row in
                    sums[row["SubAccountId", default: ""], default: .zero] += try #require(
                        ExactDecimal(row["BilledCost", default: ""]))
                }
            let windows = scrape.samples("genai_window_cost_usd").filter { $0.labels["window"] == "month_to_date" }
            #expect(windows.count == rig.keys.count)
            for window in windows {
                #expect(spent[window.labels["key", default: ""]]?.doubleValue == window.value)
            }
            #expect(Set(rows.map { $0["ServiceProviderName"] }) == ["cheapestinference"])
        }
    }
}
