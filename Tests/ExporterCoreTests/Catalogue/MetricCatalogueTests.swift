import PrometheusExposition
import PrometheusExpositionTesting
import Testing
import UsageModel

@testable import ExporterCore

@Suite struct MetricCatalogueTests {
    @Test func everyEntryMakesAFamilyOfItsOwn() {
        #expect(MetricCatalogue.families.count == MetricCatalogue.entries.count)
        #expect(Set(MetricCatalogue.families.map(\.name)).count == MetricCatalogue.families.count)
    }

    @Test func promlintsRulesFindNothing() {
        #expect(ExpositionLint.problems(in: MetricCatalogue.families).isEmpty)
    }

    @Test func everyFamilySaysWhatItIs() {
        for family in MetricCatalogue.families {
            #expect(family.help.hasSuffix("."), "\(family.name)")
        }
    }

    /// The Prometheus Operator sets these on every target. Prometheus renames a scraped label of the same name to
    /// `exported_…`, and a rule that aggregates by the name reads the target's label instead.
    @Test("No family has a label that service discovery sets on targets")
    func noLabelOfDiscovery() {
        let ofDiscovery: Set = [
            "job", "instance", "namespace", "pod", "container", "service", "endpoint", "node", "cluster",
        ]
        for family in MetricCatalogue.families {
            #expect(ofDiscovery.isDisjoint(with: family.labelNames), "\(family.name)")
        }
    }

    @Test(arguments: LedgerFamily.allCases)
    func ledgerFamiliesHaveTheirLabelsAfterProviderAndAccount(family: LedgerFamily) throws {
        let shown = try #require(MetricCatalogue.family(family.rawValue))
        #expect(shown.labelNames == ["provider", "account"] + family.labelNames.filter { $0 != "le" })
    }
}
