import UsageModel

/// Law 2 of the catalogue for one figure of a day: every bit of the account's total belongs to one key and one model.
///
/// What a key's total holds beyond its listed models is its `model=""`; what the account's total holds beyond the keys is
/// `key=""`. Where the lists of the keys and of the account contradict each other, `key=""` is cut so that all sums to the
/// total. Where the keys alone exceed the total nothing can be taken from them, and only the difference shows it.
struct FairStackAttribution {
    /// By key, then by model; the key "" is the rest of the account.
    private(set) var amounts: [String: [String: ExactDecimal]] = [:]
    /// The account's total minus what is listed under a model; below zero where the parts exceed the total. Nil where
    /// there is no total.
    let difference: ExactDecimal?

    /// Attributes a figure.
    ///
    /// - Parameters:
    ///   - whole: the account's.
    ///   - keys: those of the keys that are read apart, by name.
    ///   - earlierRest: what `key=""` holds already, by model.
    ///   - keepsRest: whether `key=""` must not lose any of that: where `whole` is older than `keys`.
    init(
        whole: FairStackBreakdown.Figure, keys: [String: FairStackBreakdown.Figure] = [:],
        earlierRest: [String: ExactDecimal] = [:], keepsRest: Bool = false
    ) {
        var listed = ExactDecimal.zero
        var unlisted = ExactDecimal.zero
        var rest = whole.models
        for (key, figure) in keys {
            var models = figure.models
            let sum = models.values.reduce(.zero, +)
            for (model, amount) in models { rest[model] = (rest[model] ?? .zero) - amount }
            let beyond = max(.zero, (figure.total ?? sum) - sum)
            if !beyond.isZero { models[""] = beyond }
            listed += sum
            unlisted += beyond
            amounts[key] = models
        }
        // A model that only the keys list is part of the account's unlisted remainder.
        rest = rest.mapValues { max(.zero, $0) }
        if !keys.isEmpty, let total = whole.total {
            rest = Self.cut(rest, to: max(.zero, total - listed - unlisted), earlier: earlierRest)
        }
        if keepsRest {
            for (model, amount) in earlierRest where !model.isEmpty { rest[model] = max(rest[model] ?? .zero, amount) }
        }
        // Without keys a model that cost nothing is a series of 0; with keys it is theirs.
        if !keys.isEmpty { rest = rest.filter { !$0.value.isZero } }
        listed += rest.values.reduce(.zero, +)
        let remainder = (whole.total ?? listed + unlisted) - listed - unlisted
        let kept = max(.zero, remainder, keepsRest ? earlierRest[""] ?? .zero : .zero)
        if !kept.isZero { rest[""] = kept }
        amounts[""] = rest
        difference = whole.total.map { remainder.isNegative ? remainder : $0 - listed }
    }

    /// Cuts amounts to a sum. Each model keeps what it had before the others grow, because a counter keeps what it
    /// loses here.
    private static func cut(
        _ amounts: [String: ExactDecimal], to sum: ExactDecimal, earlier: [String: ExactDecimal]
    ) -> [String: ExactDecimal] {
        guard amounts.values.reduce(.zero, +) > sum else { return amounts }
        var left = sum
        var cut: [String: ExactDecimal] = [:]
        func give(_ model: String, upTo most: ExactDecimal) {
            let gain = min(left, max(.zero, most - (cut[model] ?? .zero)))
            cut[model, default: .zero] += gain
            left -= gain
        }
        let sorted = amounts.sorted { $0.key < $1.key }
        for (model, amount) in sorted { give(model, upTo: min(amount, earlier[model] ?? .zero)) }
        for (model, amount) in sorted { give(model, upTo: amount) }
        return cut
    }
}
