import PrometheusExposition
import UsageModel

/// The families that `/metrics` may show, in the order in which it shows them: names, types, help and labels.
///
/// The contract with dashboards and rules: a name, a label or a meaning changes here first.
public enum MetricCatalogue {
    /// Every family, in output order. A test holds that each entry makes a valid family and that none is named twice.
    public static let families: [MetricFamily] = entries.compactMap { entry in
        try? MetricFamily(name: entry.name, type: entry.type, help: entry.help, labelNames: entry.labelNames)
    }

    /// What the catalogue says of each family, in output order.
    static let entries: [CatalogueEntry] =
        usageEntries + windowEntries + gaugeEntries + healthEntries + exporterEntries

    /// A family by its name.
    static func family(_ name: String) -> MetricFamily? { byName[name] }

    /// Label values, in the order of the family's label names, as they are shown. A name that is no family's has none:
    /// nothing is shown of it.
    static func labels(_ values: [String], of family: String) throws(LabelCountError) -> LabelSet {
        guard let family = byName[family] else { return .none }
        return try LabelSet(values, of: family)
    }

    private static let byName = Dictionary(families.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

    /// The labels of everything that belongs to an account.
    static let accountLabels = ["provider", "account"]

    /// The labels of everything that belongs to one upstream endpoint of an account.
    static let sourceLabels = ["provider", "account", "source"]
}

/// One family of the catalogue.
struct CatalogueEntry: Sendable {
    let name: String
    let type: MetricType
    let labelNames: [String]
    let help: String

    init(_ name: String, _ type: MetricType, _ labelNames: [String], _ help: String) {
        self.name = name
        self.type = type
        self.labelNames = labelNames
        self.help = help
    }
}
