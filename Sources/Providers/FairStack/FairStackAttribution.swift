import UsageModel

/// Attributes one figure of a day, so that each part of the account's total belongs to exactly one key and one model.
///
/// The part of a key's total beyond its listed models gets `model=""`; the part of the account's total beyond the keys
/// gets `key=""`. If the lists of the keys and of the account contradict each other, `key=""` is reduced so that
/// everything sums to the total. If the keys exceed the total, nothing can be subtracted from their counters, so only
/// the difference shows it.
struct FairStackAttribution {
    /// Amounts by key, then by model; the key "" holds the part of the account that belongs to no key.
    private(set) var amounts: [String: [String: ExactDecimal]] = [:]
    /// The account's total minus the amounts listed by model; negative if the parts exceed it. Nil without a total.
    let difference: ExactDecimal?

    /// Attributes a figure.
    ///
    /// - Parameters:
    ///   - whole: the figure of the account.
    ///   - keys: the figures of the keys that are read separately, by name.
    ///   - earlierRest: the stored amounts of `key=""`, by model.
    ///   - keepsRest: whether `key=""` must keep at least these amounts, because `whole` is older than `keys`.
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
        // A model that only the keys list belongs to the account's unlisted remainder.
        rest = rest.mapValues { max(.zero, $0) }
        if !keys.isEmpty, let total = whole.total {
            rest = Self.cut(rest, to: max(.zero, total - listed - unlisted), earlier: earlierRest)
        }
        if keepsRest {
            for (model, amount) in earlierRest where !model.isEmpty { rest[model] = max(rest[model] ?? .zero, amount) }
        }
        // Without keys, a model that cost nothing is a series of 0; with keys, the series belongs to them.
        if !keys.isEmpty { rest = rest.filter { !$0.value.isZero } }
        listed += rest.values.reduce(.zero, +)
        let remainder = (whole.total ?? listed + unlisted) - listed - unlisted
        let kept = max(.zero, remainder, keepsRest ? earlierRest[""] ?? .zero : .zero)
        if !kept.isZero { rest[""] = kept }
        amounts[""] = rest
        difference = whole.total.map { remainder.isNegative ? remainder : $0 - listed }
    }

    /// Reduces amounts to a sum. Each model keeps its earlier amount before others grow, because a counter cannot fall.
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

/// One response of `GET /v1/usage`: cost and generations of one UTC day, of the account or of a key.
struct FairStackBreakdown: Equatable {
    /// One of the two figures: a total and its listed parts.
    struct Figure: Equatable {
        /// The provider's own total; nil if the response has none.
        var total: ExactDecimal?
        /// Amounts by full model id.
        var models: [String: ExactDecimal] = [:]
        /// Amounts by modality.
        var modalities: [String: ExactDecimal] = [:]

        fileprivate var isZero: Bool {
            (total ?? .zero).isZero && models.values.allSatisfy(\.isZero) && modalities.values.allSatisfy(\.isZero)
        }
    }

    /// The currency in lower case; nil for USD. The parts have no currency field.
    let unit: String?
    private(set) var cost = Figure()
    /// `generation_count` counts only successes.
    private(set) var count = Figure()

    init(_ usage: FairStackUsage) {
        unit = usage.total_cost?.foreignUnit
        cost.total = usage.total_cost?.amount
        count.total = usage.generation_count.map { ExactDecimal($0.value) }
        // Rows without a name are still part of the totals, so they belong to the remainder.
        for row in usage.by_model.values {
            guard let model = row.model?.value, !model.isEmpty else { continue }
            cost.models[model, default: .zero] += Self.part(row.cost?.amount)
            count.models[model, default: .zero] += Self.part(row.count.map { ExactDecimal($0.value) })
        }
        for row in usage.by_modality.values {
            guard let modality = row.modality?.value, !modality.isEmpty else { continue }
            cost.modalities[modality, default: .zero] += Self.part(row.cost?.amount)
            count.modalities[modality, default: .zero] += Self.part(row.count.map { ExactDecimal($0.value) })
        }
    }

    /// The families of which the response has a total.
    var totals: Set<LedgerFamily> {
        var totals: Set<LedgerFamily> = []
        if cost.total != nil { totals.formUnion([.cost, .credits]) }
        if count.total != nil { totals.insert(.requests) }
        return totals
    }

    /// Whether nothing was used: every figure is 0 or missing.
    var isZero: Bool { [cost, count].allSatisfy(\.isZero) }

    /// Restores a key's share from stored cells, for days on which the provider does not report the key.
    init(stored cells: [Cell], key: String) {
        unit = cells.first { $0.family == .credits && $0.labels[0] == key }?.labels[2]
        for cell in cells where cell.labels.first == key { take(cell) }
    }

    /// Restores the account's day from stored cells; no cells mean a day without usage.
    init(stored cells: [Cell]) {
        unit = cells.first { $0.family == .credits }?.labels[2]
        cost.total = .zero
        count.total = .zero
        for cell in cells { take(cell) }
    }

    private mutating func take(_ cell: Cell) {
        switch cell.family {
        case .cost, .credits: Self.add(cell, to: &cost)
        case .requests: Self.add(cell, to: &count)
        default: break
        }
    }

    private static func add(_ cell: Cell, to figure: inout Figure) {
        figure.total = (figure.total ?? .zero) + cell.value
        if !cell.labels[1].isEmpty { figure.models[cell.labels[1], default: .zero] += cell.value }
    }

    /// Replaces a negative part by 0, because a counter only grows; the total then shows the difference.
    private static func part(_ amount: ExactDecimal?) -> ExactDecimal { max(.zero, amount ?? .zero) }
}
