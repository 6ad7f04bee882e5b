import UsageModel

/// Tracks usage of one day that moved between the listed keys and a rest, and counts it where it was first counted.
///
/// The API lists the keys with the most usage and sums the others in a rest (`Other`; another rest is the day's total
/// beyond all of `byKey`). A key that enters the list takes its usage out of the rest, and a key that leaves the list
/// adds its usage to the rest. Counters never fall, so usage that changed its label would count twice. Therefore
/// - the rest keeps its counted usage, and a key that entered gets only its usage beyond that;
/// - a key that left keeps its counted usage, and the rest gets only its usage beyond that.
///
/// The sum over all labels stays the provider's total of the day.
struct VeniceMovedUsage: Codable, Equatable {
    /// Usage of listed keys that is counted in the rest, by key.
    private var inRest: [String: String] = [:]
    /// Keys that had usage and are no longer listed.
    private var fallen: Set<String> = []

    /// Whether all usage is counted under its own label.
    var isEmpty: Bool { inRest.isEmpty && fallen.isEmpty }

    /// Replaces the amounts of a response by the amounts to count.
    ///
    /// - Parameters:
    ///   - amounts: the amount of each label that the response lists, including the rest; the sum does not change.
    ///   - rest: the label of the rest.
    ///   - rests: the labels of all rests, which are not keys.
    ///   - earlier: the amounts that the day's last read counted, by label; not empty.
    mutating func settle(
        _ amounts: inout [String: ExactDecimal], rest: String, rests: [String], earlier: [String: ExactDecimal]
    ) {
        guard amounts[rest] != nil || earlier[rest] != nil else { return }
        let isListed = amounts[rest] != nil
        let restBefore = earlier[rest] ?? .zero
        var restNow = amounts[rest] ?? .zero
        let newlyListed = amounts.keys.filter {
            !rests.contains($0) && (earlier[$0] == nil || fallen.contains($0))
        }.sorted()

        var kept: [String: ExactDecimal] = [:]
        for (key, text) in inRest {
            guard let amount = amounts[key], let before = ExactDecimal(text) else { continue }
            kept[key] = min(before, amount)
        }
        for (key, moved) in kept {
            amounts[key] = (amounts[key] ?? .zero) - moved
            restNow += moved
        }
        fallen = []
        for key in earlier.keys.sorted() where !rests.contains(key) && amounts[key] == nil {
            let moved = min(earlier[key] ?? .zero, restNow)
            guard moved > .zero else { continue }
            amounts[key] = moved
            restNow -= moved
            fallen.insert(key)
        }
        for key in newlyListed {
            let most = (amounts[key] ?? .zero) - (earlier[key] ?? .zero)
            let moved = min(most, restBefore - restNow)
            guard moved > .zero else { continue }
            kept[key, default: .zero] += moved
            amounts[key] = (amounts[key] ?? .zero) - moved
            restNow += moved
        }
        amounts[rest] = isListed || !restNow.isZero ? restNow : nil
        inRest = kept.filter { !$0.value.isZero }.mapValues(\.description)
    }
}
