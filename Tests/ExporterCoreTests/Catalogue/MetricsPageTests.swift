import Foundation
import PrometheusExposition
import Testing

@testable import ExporterCore

/// Compares the table of metrics in `deploy/prometheus/metrics.md` with the catalogue.
@Suite struct MetricsPageTests {
    private static let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../deploy/prometheus/metrics.md").standardized

    /// A row per family, in the order of `/metrics`. Account families also have the labels `provider` and `account`.
    private static var rows: [String] {
        MetricCatalogue.standard.families.map { family in
            let labels = family.labelNames.filter { !Metric.account.contains($0) }
            let cells = [
                "`\(family.name)`", family.type.rawValue, labels.map { "`\($0)`" }.joined(separator: " "), family.help,
            ]
            return "| " + cells.joined(separator: " | ") + " |"
        }
    }

    @Test("the page of metrics lists every family as it is served")
    func metricsTable() throws {
        let page = try String(contentsOf: Self.page, encoding: .utf8)
        let table = Self.rows.joined(separator: "\n")
        #expect(page.contains(table), "the table of metrics should be:\n\(table)")
    }
}
