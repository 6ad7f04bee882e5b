import UsageModel
import Upstream

/// The names of Google's plans: tiers and SKUs by the lookup in the response. An id without an entry is its own name.
///
/// Within a day a name stays as it was first read, because a changed label would count the day's requests again. A new
/// name starts with a new day.
struct UseAPIPlanNames {
    /// The name in the API's summary for rows without a tier or SKU (those before 2026-05-21).
    static let none = "(empty)"

    private var tiers: [String: String] = [:]
    private var skus: [String: String] = [:]

    /// - Parameter earlier: the cells of the day's last read.
    init(_ lookup: UseAPISummary.Lookup?, earlier: [Cell]) {
        tiers = Self.names(lookup?.tiers)
        skus = Self.names(lookup?.skus)
        for cell in earlier where cell.family == .tierRequests {
            tiers[cell.labels[0]] = cell.labels[1]
            skus[cell.labels[2]] = cell.labels[3]
        }
    }

    private static func names(_ lookup: [String: LenientString?]?) -> [String: String] {
        Dictionary(
            (lookup ?? [:]).compactMap { key, name in name.map { (LongName.bounded(key), $0.value) } },
            uniquingKeysWith: { first, _ in first })
    }

    /// Returns the labels `tier`, `tier_name`, `sku`, `sku_name` of a plan.
    func labels(_ plan: UseAPIRows.Plan) -> [String] {
        let tier = plan.tier.isEmpty ? Self.none : plan.tier
        let sku = plan.sku.isEmpty ? Self.none : plan.sku
        return [tier, name(tier, in: tiers), sku, name(sku, in: skus)]
    }

    /// Returns the same labels if only the tier is known.
    func labels(tier: String) -> [String] {
        [tier, name(tier, in: tiers), "", ""]
    }

    private func name(_ value: String, in names: [String: String]) -> String {
        names[value].flatMap { $0.isEmpty ? nil : $0 } ?? value
    }
}
