import PrometheusExposition
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

    @Test(arguments: LedgerFamily.allCases)
    func ledgerFamiliesHaveTheirLabelsAfterProviderAndAccount(family: LedgerFamily) throws {
        let shown = try #require(MetricCatalogue.family(family.rawValue))
        #expect(shown.labelNames == ["provider", "account"] + family.labelNames.filter { $0 != "le" })
    }
}
