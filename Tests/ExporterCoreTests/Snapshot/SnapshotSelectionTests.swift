import Foundation
import PrometheusExposition
import TestSupport
import Testing
import UsageModel

@testable import ExporterCore

/// Parts of a snapshot, by name and by account.
@Suite struct SnapshotSelectionTests {
    /// Ten accounts, some of which share a page; the last has more series than fit on a page.
    private func snapshot() async throws -> Snapshot {
        let store = SnapshotStore()
        let renderer = try MetricsRenderer(publishingTo: store)
        for account in 0..<10 {
            let labels = ["wavespeed", "a\(account)"]
            try await renderer.apply(
                (0..<(account == 9 ? 600 : 3)).map { series in
                    .set(
                        family: "genai_cost_usd_total", account: account, key: Int64(series),
                        labels: try MetricCatalogue.standard.labels(
                            labels + ["", "model-\(series)"], of: "genai_cost_usd_total"),
                        value: .number(Double(account)),
                        created: Timestamp(seconds: 1_795_132_800))
                })
            if account != 4 {
                try await renderer.apply([
                    .replace(
                        family: "genai_balance_usd", account: account, samples: [ShownSample(labels, Double(account))])
                ])
            }
        }
        try await renderer.apply([
            .replace(family: "genai_exporter_accounts", account: 0, samples: [ShownSample([], 10)])
        ])
        await renderer.publish()
        return store.current
    }

    private func scrapes(_ snapshot: Snapshot, _ selection: SnapshotSelection) throws -> [Scrape] {
        try ExpositionFormat.allCases.map { format in
            let plain = try snapshot.body(format, .identity, of: selection)
            #expect(plain.length == plain.bytes.count)
            let packed = try snapshot.body(format, .gzip, of: selection)
            #expect(packed.length == packed.bytes.count)
            #expect(try gunzipped(packed.bytes) == plain.bytes)
            return try Scrape(plain.bytes, format: format)
        }
    }

    @Test("an account's selection has all its series and no others", arguments: [0, 3, 4, 8, 9])
    func account(account: Int) async throws {
        let snapshot = try await snapshot()
        for scrape in try scrapes(snapshot, SnapshotSelection(account: account)) {
            let cost = scrape.samples("genai_cost_usd_total") + scrape.samples("genai_cost_usd")
            let totals = cost.filter { $0.name.hasSuffix("_total") }
            #expect(totals.count == (account == 9 ? 600 : 3))
            #expect(totals.allSatisfy { $0.labels["account"] == "a\(account)" && $0.value == Double(account) })
            #expect(scrape.samples("genai_balance_usd").count == (account == 4 ? 0 : 1))
            #expect(scrape.families["genai_exporter_accounts"] == nil)
        }
    }

    @Test("an account without series is an empty exposition")
    func emptyAccount() async throws {
        for scrape in try scrapes(try await snapshot(), SnapshotSelection(account: 77)) {
            #expect(scrape.families.isEmpty)
        }
    }

    @Test(
        "families are selected by their names and those of their samples",
        arguments: [
            ["genai_balance_usd"], ["genai_cost_usd"], ["genai_cost_usd_total"], ["genai_cost_usd_created"],
            ["genai_exporter_accounts", "genai_balance_usd"], ["genai_nothing"],
        ])
    func names(names: [String]) async throws {
        for scrape in try scrapes(try await snapshot(), SnapshotSelection(names: Set(names))) {
            let shown = Set(scrape.families.keys.map { $0.replacing("_total", with: "") })
            let wanted = Set(names.map { $0.replacing("_total", with: "").replacing("_created", with: "") })
            #expect(shown == wanted.subtracting(["genai_nothing"]))
        }
    }

    @Test("names and account are combined")
    func namesAndAccount() async throws {
        let selection = SnapshotSelection(account: 2, names: ["genai_balance_usd"])
        for scrape in try scrapes(try await snapshot(), selection) {
            #expect(Set(scrape.families.keys) == ["genai_balance_usd"])
            #expect(scrape.value("genai_balance_usd") == 2)
        }
    }
}
