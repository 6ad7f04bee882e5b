import UsageModel

/// What one answer to `GET /v1/usage` says: the cost and the generations of one UTC day, of the account or of a key.
struct FairStackBreakdown: Equatable {
    /// One of the two figures: a total and its listed parts.
    struct Figure: Equatable {
        /// The provider's own total; nil where the answer has none.
        var total: ExactDecimal?
        /// By model id, unshortened.
        var models: [String: ExactDecimal] = [:]
        /// By modality.
        var modalities: [String: ExactDecimal] = [:]

        fileprivate var isZero: Bool {
            (total ?? .zero).isZero && models.values.allSatisfy(\.isZero) && modalities.values.allSatisfy(\.isZero)
        }
    }

    /// The currency in lower case; nil for USD. The parts carry none of their own.
    let unit: String?
    private(set) var cost = Figure()
    /// `generation_count` counts successes alone.
    private(set) var count = Figure()

    init(_ usage: FairStackUsage) {
        unit = usage.total_cost?.foreignUnit
        cost.total = usage.total_cost?.amount
        count.total = usage.generation_count.map { ExactDecimal($0.value) }
        // Rows without a name are part of the totals all the same: they end in the remainder.
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

    /// Whether nothing was used: every figure there is is 0.
    var isZero: Bool { [cost, count].allSatisfy(\.isZero) }

    /// What the ledger holds of a key, for where the provider does not report it.
    init(stored cells: [Cell], key: String) {
        unit = cells.first { $0.family == .credits && $0.labels[0] == key }?.labels[2]
        for cell in cells where cell.labels.first == key { take(cell) }
    }

    /// What the ledger holds of a day of the account: no cells are a day without usage.
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

    /// A counter only grows: a negative part counts nothing, and the total then shows the difference.
    private static func part(_ amount: ExactDecimal?) -> ExactDecimal { max(.zero, amount ?? .zero) }
}
