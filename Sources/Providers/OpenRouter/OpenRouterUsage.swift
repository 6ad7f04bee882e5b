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
    /// its model that gained; one without a model from series of its key, and the one without labels from any.
    mutating func keepLabels(of earlier: OpenRouterUsage) {
        for quantity in Quantity.allCases {
            guard var now = amounts[quantity], let before = earlier.amounts[quantity] else { continue }
            for lost in before.keys.sorted() where now[lost] == nil || lost == .unlisted {
                var missing = (before[lost] ?? .zero) - (now[lost] ?? .zero)
                func gain(_ series: Series) -> ExactDecimal { (now[series] ?? .zero) - (before[series] ?? .zero) }
                let gainers = now.keys.filter { series in
                    gain(series) > .zero
                        && (lost == .unlisted || series.model == lost.model
                            || lost.model.isEmpty && series.key == lost.key)
                }.sorted()
                for series in gainers where missing > .zero {
                    let moved = min(missing, gain(series))
                    missing -= moved
                    now[lost, default: .zero] += moved
                    let left = (now[series] ?? .zero) - moved
                    now[series] = left.isZero && before[series] == nil ? nil : left
                }
            }
            amounts[quantity] = now
        }
    }

    /// Puts cached tokens into the input, for a day that was counted without them.
    mutating func joinCacheInput() {
        for (series, amount) in amounts[.cacheInput] ?? [:] { add(amount, to: series, .input) }
        amounts[.cacheInput] = nil
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
