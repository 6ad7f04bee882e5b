import UsageModel
import Upstream

/// One UTC day of a WaveSpeedAI account, from the response to a query of that day.
///
/// The cost comes from the amounts, not from `unit_price × count`, because prices vary within a model.
struct WaveSpeedDay {
    struct Model {
        var cost = ExactDecimal.zero
        // Not an `Int`, because the sum of absurd numbers must not trap.
        var count = ExactDecimal.zero
        /// Whether the response has a count for the model.
        var isCounted = false
        var modality: String?
    }

    /// Requests and successes so far. The others failed or still run, because a request is charged at job creation.
    struct Outcomes: Equatable {
        let total: Int
        let successes: Int
    }

    /// Models by full id; the order in the response has no meaning.
    private(set) var models: [String: Model] = [:]
    private(set) var totalCost: ExactDecimal?
    private(set) var totalCount: Int?
    /// The outcomes of the whole day; nil if the response has no count of successes.
    private(set) var outcomes: Outcomes?

    /// The families of which the response has a total.
    var totals: Set<LedgerFamily> {
        var totals: Set<LedgerFamily> = []
        if totalCost != nil { totals.insert(.cost) }
        if totalCount != nil { totals.insert(.requests) }
        return totals
    }

    /// Whether the response shows no usage.
    var isEmpty: Bool { models.isEmpty && (totalCost ?? .zero).isZero && (totalCount ?? 0) == 0 }

    /// The day's total requests minus those of its listed models.
    var unlistedCount: Int {
        max(0, (ExactDecimal(totalCount ?? 0) - listedCount).wholeNumber ?? 0)
    }

    private var listedCount: ExactDecimal { models.values.reduce(.zero) { $0 + $1.count } }

    /// - Throws: if a model is listed without any figure. Reading it as zero would revert what was counted.
    init(_ day: UTCDay, _ stats: WaveSpeedUsageResponse) throws {
        for (index, usage) in stats.per_model_usage.values.enumerated() {
            guard usage.total_cost != nil || usage.total_count != nil else {
                throw SourceFailure(
                    .decode, "per_model_usage[\(index)] has neither total_cost nor total_count; one was expected")
            }
            add(
                usage.model_uuid?.value, cost: usage.total_cost?.value, count: Self.count(usage.total_count),
                modality: usage.model_type.value?.value)
        }
        let daily = stats.daily_usage.values.first { $0.day == day }
        for usage in daily?.models.values ?? [] {
            // `total_count` is optional; `daily_usage` has the same count.
            guard let id = usage.model_uuid?.value, let model = models[id], !model.isCounted,
                let count = Self.count(usage.count)
            else { continue }
            models[id]?.count = ExactDecimal(count)
            models[id]?.isCounted = true
        }
        if models.isEmpty {
            // `daily_usage` has the same figures, without the model's type.
            for usage in daily?.models.values ?? [] {
                add(usage.model_uuid?.value, cost: usage.amount?.value, count: Self.count(usage.count), modality: nil)
            }
        }
        totalCost = stats.summary?.total_cost?.value ?? daily?.amount?.value
        totalCount = Self.count(stats.summary?.total_requests) ?? Self.count(daily?.count)
        if let successes = Self.count(stats.summary?.success_requests) {
            let total = totalCount ?? listedCount.wholeNumber ?? 0
            outcomes = Outcomes(total: total, successes: min(successes, total))
        }
    }

    /// Rejects negative counts and those above a trillion a day, so that sums over a whole response cannot overflow.
    private static func count(_ number: LenientInt?) -> Int? {
        number.flatMap { (0...1_000_000_000_000).contains($0.value) ? $0.value : nil }
    }

    private mutating func add(_ model: String?, cost: ExactDecimal?, count: Int?, modality: String?) {
        // A row without an id is still part of the total, so it belongs to the remainder.
        guard let model, !model.isEmpty else { return }
        var sum = models[model] ?? Model()
        sum.cost += cost ?? .zero
        sum.count += ExactDecimal(count ?? 0)
        sum.isCounted = sum.isCounted || count != nil
        sum.modality = modality.flatMap { $0.isEmpty ? nil : $0 } ?? sum.modality
        models[model] = sum
    }

    /// The threshold below which a difference between the total and its parts is a rounding error.
    ///
    /// An older page of the documentation says that sums are rounded to 3 decimals. If no amount of a day has more
    /// decimals, each may be off by half of the last digit, and a remainder within that sum would appear and disappear.
    private var noise: ExactDecimal {
        let amounts = models.values.map(\.cost) + [totalCost].compactMap { $0 }
        guard amounts.allSatisfy({ ($0 * 1000).wholeNumber != nil }) else { return Remainder.noise }
        return (ExactDecimal("0.0005") ?? .zero) * (amounts.count) + Remainder.noise
    }

    /// Returns the cells of the day.
    ///
    /// - Parameter byModel: the outcomes by model; the empty id holds those without a listed model.
    func cells(outcomes byModel: [String: WaveSpeedOutcomes.Known]) -> [Cell] {
        var cells: [Cell] = []
        let cost = Remainder(total: totalCost, parts: models.values.map(\.cost), noise: noise)
        for (model, usage) in models {
            cells.append(Cell(.cost, ["", model], usage.cost))
            cells.append(Cell(.requests, ["", model], usage.count))
        }
        if !cost.unlisted.isZero { cells.append(Cell(.cost, ["", ""], cost.unlisted)) }
        if unlistedCount > 0 { cells.append(Cell(.requests, ["", ""], ExactDecimal(unlistedCount))) }
        // Committed also if it is 0, which shows that the figures agree.
        if totalCost != nil { cells.append(Cell(.reconciliation, [], cost.difference)) }
        for (model, outcomes) in byModel {
            cells.append(Cell(.outcomes, ["", model, "success"], ExactDecimal(outcomes.successes)))
            cells.append(Cell(.outcomes, ["", model, "failure"], ExactDecimal(outcomes.failures)))
        }
        return cells + modalityCells(unlisted: cost.unlisted)
    }

    /// Returns cost and requests by `model_type` if the response has types. Usage without a type gets the empty label.
    private func modalityCells(unlisted: ExactDecimal) -> [Cell] {
        guard models.values.contains(where: { $0.modality != nil }) else { return [] }
        var cells: [Cell] = []
        var untyped = (cost: unlisted, count: ExactDecimal(unlistedCount))
        for usage in models.values {
            if let modality = usage.modality {
                cells.append(Cell(.modalityCost, [modality], usage.cost))
                cells.append(Cell(.modalityRequests, [modality], usage.count))
            } else {
                untyped.cost += usage.cost
                untyped.count += usage.count
            }
        }
        if !untyped.cost.isZero { cells.append(Cell(.modalityCost, [""], untyped.cost)) }
        if untyped.count > .zero { cells.append(Cell(.modalityRequests, [""], untyped.count)) }
        return cells
    }
}
