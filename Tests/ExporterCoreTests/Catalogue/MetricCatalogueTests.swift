import PrometheusExposition
import PrometheusExpositionTesting
import Providers
import Testing
import UsageModel

@testable import ExporterCore

@Suite struct MetricCatalogueTests {
    @Test("every entry has its own family")
    func uniqueFamilies() {
        #expect(MetricCatalogue.standard.families.count == MetricCatalogue.metrics(.all(of: allProviders)).count)
        #expect(Set(MetricCatalogue.standard.families.map(\.name)).count == MetricCatalogue.standard.families.count)
    }

    @Test("the catalogue passes the lint")
    func lint() {
        #expect(ExpositionLint.problems(in: MetricCatalogue.standard.families).isEmpty)
    }

    @Test("every HELP text ends with a period")
    func helpTexts() {
        for family in MetricCatalogue.standard.families {
            #expect(family.help.hasSuffix("."), "\(family.name)")
        }
    }

    /// The Prometheus Operator sets these on every target. Prometheus renames a scraped label with the same name to
    /// `exported_…`, and a rule that aggregates by the name reads the target's label instead.
    @Test("No family has a label that service discovery sets on targets")
    func noLabelOfDiscovery() {
        let ofDiscovery: Set = [
            "job", "instance", "namespace", "pod", "container", "service", "endpoint", "node", "cluster",
        ]
        for family in MetricCatalogue.standard.families {
            #expect(ofDiscovery.isDisjoint(with: family.labelNames), "\(family.name)")
        }
    }

    @Test(
        "ledger families have their labels after provider and account",
        arguments: UsageFamilies.all(of: allProviders).ledger)
    func ledgerLabels(family: LedgerFamily) throws {
        let shown = try #require(MetricCatalogue.standard.family(family.name))
        #expect(shown.labelNames == ["provider", "account"] + family.labelNames.filter { $0 != "le" })
    }
}
