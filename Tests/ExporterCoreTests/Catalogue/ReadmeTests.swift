import Foundation
import PrometheusExposition
import Testing

@testable import ExporterCore

/// Compares the README's table of metrics with the catalogue.
@Suite struct ReadmeTests {
    private static let readme = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../README.md").standardized

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

    @Test("the README lists every metric as it is served")
    func metricsTable() throws {
        let readme = try String(contentsOf: Self.readme, encoding: .utf8)
        let table = Self.rows.joined(separator: "\n")
        #expect(readme.contains(table), "the README's table of metrics should be:\n\(table)")
    }
}
