import PrometheusExposition
import PrometheusExpositionTesting
import UsageModel

/// A scrape as Prometheus reads it.
package struct Scrape {
    /// The families by name.
    package let families: [String: ParsedFamily]

    /// Parses an exposition strictly: a body that violates its format fails the test.
    package init(_ body: [UInt8], format: ExpositionFormat = .text004) throws {
        let parsed = try ExpositionParser.parse(body, format: format)
        families = Dictionary(parsed.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The samples of a family; empty if it is absent.
    package func samples(_ family: String) -> [ParsedSample] { families[family]?.samples ?? [] }

    /// The value of the only series of a family with these labels; nil if there is not exactly one.
    package func value(_ family: String, _ labels: [String: String] = [:]) -> Double? {
        let found = samples(family).filter { sample in
            labels.allSatisfy { sample.labels[$0.key, default: ""] == $0.value }
        }
        return found.count == 1 ? found.first?.value : nil
    }

    /// The values of a family for one account by one label, summed over all other labels.
    package func values(_ family: String, by label: String, account: String) -> [String: Double] {
        var values: [String: Double] = [:]
        for sample in samples(family) where sample.labels["account"] == account {
            values[sample.labels[label, default: ""], default: 0] += sample.value
        }
        return values
    }

    /// Every counter's value by its full identity, for checks that no counter decreases.
    package var counters: [String: Double] {
        var counters: [String: Double] = [:]
        for family in families.values where family.type != .gauge {
            for sample in family.samples where !sample.name.hasPrefix("process_") {
                // The formats write le="1" and le="1.0" for the same bucket.
                let labels = sample.labels.sorted { $0.key < $1.key }
                    .map { "\($0)=\($0 == "le" ? Double($1).map { "\($0)" } ?? $1 : $1)" }.joined(separator: ",")
                counters["\(sample.name){\(labels)}"] = sample.value
            }
        }
        return counters
    }
}
