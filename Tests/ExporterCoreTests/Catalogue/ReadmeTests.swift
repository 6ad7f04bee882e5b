import Foundation
import PrometheusExposition
import Testing

@testable import ExporterCore

/// The README's table of metrics is the catalogue's.
@Suite struct ReadmeTests {
    /// The repository's README.
    private static let readme = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../README.md").standardized

    /// A row for each family, in the order of `/metrics`; those of the account have the labels `provider` and `account`
    /// too.
    private static var rows: [String] {
        MetricCatalogue.families.map { family in
            let labels = family.labelNames.filter { !MetricCatalogue.accountLabels.contains($0) }
            let cells = [
                "`\(family.name)`", family.type.rawValue, labels.map { "`\($0)`" }.joined(separator: " "), family.help,
            ]
            return "| " + cells.joined(separator: " | ") + " |"
        }
    }

    @Test func everyMetricStandsInTheReadmeAsItIsServed() throws {
        let readme = try String(contentsOf: Self.readme, encoding: .utf8)
        let table = Self.rows.joined(separator: "\n")
        #expect(readme.contains(table), "the README's table of metrics should be:\n\(table)")
    }
}
