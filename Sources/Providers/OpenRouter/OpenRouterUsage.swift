import UsageModel

/// The usage of an hour or a day by key and model: the cells of a slice.
struct OpenRouterUsage: Equatable {
    /// The labels of one series; empty without a key or a model.
    struct Series: Hashable, Comparable {
        let key: String
        let model: String

        /// Usage without a key and a model.
        static let unlisted = Series(key: "", model: "")

        static func < (left: Series, right: Series) -> Bool { (left.key, left.model) < (right.key, right.model) }
    }

    enum Quantity: CaseIterable {
        /// USD charged to the account's credits.
        case cost
        /// USD of inference with own keys of other vendors.
        case ownKeyCost
        case requests
        case input, cacheInput, output
    }

    private(set) var amounts: [Quantity: [Series: ExactDecimal]] = [:]

    init() {}

    /// Reads the usage back from a slice's cells; cells of one series are summed.
    init(_ cells: some Sequence<Cell>) {
        for cell in cells {
            guard cell.labels.count > 1 else { continue }
            let series = Series(key: cell.labels[0], model: cell.labels[1])
            switch cell.family {
            case .cost: add(cell.value, to: series, .cost)
            case .openRouterOwnKeyCost: add(cell.value, to: series, .ownKeyCost)
            case .requests: add(cell.value, to: series, .requests)
            case .tokens:
                guard let quantity = Self.tokenTypes.first(where: { $0.type == cell.labels.last })?.quantity else {
                    continue
                }
                add(cell.value, to: series, quantity)
            default: continue
            }
        }
    }

    private static let tokenTypes: [(quantity: Quantity, type: String)] = [
        (.input, "input"), (.cacheInput, "cache_input"), (.output, "output"),
    ]

    mutating func add(_ figures: OpenRouterFigures, to series: Series) {
        for (quantity, amount) in figures.amounts { add(amount, to: series, quantity) }
    }

    mutating func add(_ other: OpenRouterUsage) {
        for (quantity, bySeries) in other.amounts {
            for (series, amount) in bySeries { add(amount, to: series, quantity) }
        }
    }

    private mutating func add(_ amount: ExactDecimal, to series: Series, _ quantity: Quantity) {
        amounts[quantity, default: [:]][series, default: .zero] += amount
    }

    func sum(_ quantity: Quantity) -> ExactDecimal { (amounts[quantity] ?? [:]).values.reduce(.zero, +) }

    /// Whether nothing was used.
    var isEmpty: Bool { amounts.values.allSatisfy { $0.values.allSatisfy(\.isZero) } }

    /// Adds what a total has beyond the listed parts, without key and model.
    ///
    /// - Returns: the total cost minus its parts; negative if the parts exceed it.
    mutating func addRemainder(of total: OpenRouterUsage) -> ExactDecimal {
        let cost = Remainder(total: total.sum(.cost), parts: [sum(.cost)])
        for quantity in Quantity.allCases where total.amounts[quantity] != nil {
            let rest = Remainder(total: total.sum(quantity), parts: [sum(quantity)])
            if !rest.unlisted.isZero { add(rest.unlisted, to: .unlisted, quantity) }
        }
        return cost.difference
    }

    /// Adds what the totals of models have beyond their keys, without a key.
    ///
    /// - Returns: the total cost minus its parts, which is negative if the keys exceed it, else zero.
    mutating func addKeyless(of total: OpenRouterUsage) -> ExactDecimal {
        for (quantity, byModel) in total.amounts {
            var listed: [String: ExactDecimal] = [:]
            for (series, amount) in amounts[quantity] ?? [:] { listed[series.model, default: .zero] += amount }
            for (series, amount) in byModel {
                let rest = Remainder(total: amount, parts: [listed[series.model] ?? .zero])
                if !rest.unlisted.isZero { add(rest.unlisted, to: series, quantity) }
            }
        }
        return Remainder(total: total.sum(.cost), parts: [sum(.cost)]).difference
    }

    /// Keeps usage at the labels under which it was counted first, because a counter never falls: usage that moves to
    /// another label would count twice. The sum of each quantity does not change.
    ///
    /// A series that is no longer listed, because its key was deleted or renamed, gets back what it had from series of
    /// its model that gained; one without a model from series of its key, and the one without labels from any. Then each
    /// series gets back what it lost from the remainder of the total, which may be that of hidden rows, and cached tokens
    /// from input tokens and the reverse, because not all responses separate them.
    ///
    /// - Parameter hasTotal: whether the remainder of the total is in the usage. Without it, a series that is no longer
    ///   listed keeps what it had, because its rows may be hidden.
    mutating func keepLabels(of earlier: OpenRouterUsage, hasTotal: Bool) {
        let listed = Set(amounts.values.flatMap(\.keys))
        let known = Set(earlier.amounts.values.flatMap(\.keys)).sorted()
        // Those that are gone first: the remainder is more likely theirs.
        let series = known.filter { !listed.contains($0) } + known.filter { listed.contains($0) }
        var sources: [(Quantity, from: Quantity)] = Quantity.allCases.map { ($0, from: $0) }
        sources += [(.cacheInput, from: .input), (.input, from: .cacheInput)]
        for (quantity, source) in sources {
            for lost in series {
                takeBack(quantity, to: lost, from: source, of: earlier, isGone: !listed.contains(lost))
            }
        }
        guard !hasTotal else { return }
        for (quantity, before) in earlier.amounts {
            for (lost, amount) in before where !listed.contains(lost) {
                amounts[quantity, default: [:]][lost] = amount
            }
        }
    }

    /// Gives a series back what it lost, as far as others gained.
    ///
    /// - Parameter source: the quantity that gained.
    private mutating func takeBack(
        _ quantity: Quantity, to lost: Series, from source: Quantity, of earlier: OpenRouterUsage, isGone: Bool
    ) {
        let missing = earlier.amount(quantity, of: lost) - amount(quantity, of: lost)
        guard missing > .zero else { return }
        var gainers = [lost]
        if isGone || lost == .unlisted {
            gainers += (amounts[source] ?? [:]).keys.filter { series in
                lost == .unlisted || series.model == lost.model || lost.model.isEmpty && series.key == lost.key
            }.sorted()
        }
        let moved = amounts[source]?.takeGains(
            upTo: missing, from: gainers + [.unlisted], since: earlier.amounts[source] ?? [:])
        if let moved, !moved.isZero { add(moved, to: lost, quantity) }
    }

    private func amount(_ quantity: Quantity, of series: Series) -> ExactDecimal {
        amounts[quantity]?[series] ?? .zero
    }

    /// The cells of a slice.
    var cells: [Cell] {
        var cells: [Cell] = []
        var byKey: [String: ExactDecimal] = [:]
        for (series, cost) in amounts[.cost] ?? [:] {
            cells.append(Cell(.cost, [series.key, series.model], cost))
            byKey[series.key, default: .zero] += cost
        }
        cells += byKey.map { Cell(.keyCost, [$0.key], $0.value) }
        // Most accounts have none, and their rows say 0.
        cells += (amounts[.ownKeyCost] ?? [:]).filter { !$0.value.isZero }.map {
            Cell(.openRouterOwnKeyCost, [$0.key.key, $0.key.model], $0.value)
        }
        cells += (amounts[.requests] ?? [:]).map { Cell(.requests, [$0.key.key, $0.key.model], $0.value) }
        for (quantity, type) in Self.tokenTypes {
            cells += (amounts[quantity] ?? [:]).map { Cell(.tokens, [$0.key.key, $0.key.model, type], $0.value) }
        }
        return cells
    }
}

/// The figures of one row.
struct OpenRouterFigures: Hashable {
    /// Absent for a null or missing figure.
    private(set) var amounts: [OpenRouterUsage.Quantity: ExactDecimal] = [:]
    /// Whether more tokens were cached than the prompts had, so that the split of the input is unknown.
    private(set) var exceedsPrompt = false

    /// Creates the figures of a row.
    ///
    /// - Parameters:
    ///   - prompt: input tokens, including cached ones.
    ///   - cached: the part of them that was read from a cache; nil if the response does not have it.
    init(
        cost: ExactDecimal?, ownKeyCost: ExactDecimal?, requests: Int?, prompt: Int?, cached: Int?, completion: Int?
    ) {
        amounts[.cost] = cost
        amounts[.ownKeyCost] = ownKeyCost
        amounts[.requests] = requests.map { ExactDecimal($0) }
        amounts[.output] = completion.map { ExactDecimal($0) }
        guard let prompt else { return }
        let cachedPart = cached ?? 0
        exceedsPrompt = cachedPart > prompt
        guard !exceedsPrompt else { return }
        amounts[.input] = ExactDecimal(prompt - cachedPart)
        amounts[.cacheInput] = cached.map { ExactDecimal($0) }
    }
}
