import UsageModel

/// Law 2 of the catalogue for one figure of a day: every bit of the account's total belongs to one key and one model.
///
/// What a key's total holds beyond its listed models is its `model=""`; what the account's total holds beyond the keys is
/// `key=""`. Where parts exceed the total nothing can be taken away from a counter, and the difference alone shows it.
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
    ///   - floor: what `key=""` holds already, by model, and must not lose: given where `whole` is older than `keys`.
    init(
        whole: FairStackBreakdown.Figure, keys: [String: FairStackBreakdown.Figure] = [:],
        floor: [String: ExactDecimal] = [:]
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
        for (model, amount) in floor where !model.isEmpty { rest[model] = max(rest[model] ?? .zero, amount) }
        // Without keys a model that cost nothing is a series of 0; with keys it is theirs.
        if !keys.isEmpty { rest = rest.filter { !$0.value.isZero } }
        listed += rest.values.reduce(.zero, +)
        let remainder = (whole.total ?? listed + unlisted) - listed - unlisted
        let kept = max(.zero, remainder, floor[""] ?? .zero)
        if !kept.isZero { rest[""] = kept }
        amounts[""] = rest
        difference = whole.total.map { remainder.isNegative ? remainder : $0 - listed }
    }
}
