/// The metric families that sources report: those that any provider may report, and those of single providers.
package struct UsageFamilies: Sendable, Hashable {
    /// In the order of `/metrics`.
    package let ledger: [LedgerFamily]
    /// In the order of `/metrics`.
    package let gauges: [GaugeFamily]
    private let ledgerByName: [String: LedgerFamily]
    private let gaugesByName: [String: GaugeFamily]

    /// The families that any provider may report.
    package static let common = UsageFamilies(ledger: LedgerFamily.common, gauges: GaugeFamily.common)

    package init(ledger: [LedgerFamily] = [], gauges: [GaugeFamily] = []) {
        self.ledger = ledger
        self.gauges = gauges
        ledgerByName = Dictionary(ledger.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        gaugesByName = Dictionary(gauges.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Adds a provider's own families.
    package static func + (families: UsageFamilies, own: UsageFamilies) -> UsageFamilies {
        UsageFamilies(ledger: families.ledger + own.ledger, gauges: families.gauges + own.gauges)
    }

    /// Finds a ledger family by its name; nil for a name that this version does not know.
    package func ledgerFamily(_ name: String) -> LedgerFamily? { ledgerByName[name] }

    /// Finds a gauge family by its name; nil for a name that this version does not know.
    package func gaugeFamily(_ name: String) -> GaugeFamily? { gaugesByName[name] }
}
