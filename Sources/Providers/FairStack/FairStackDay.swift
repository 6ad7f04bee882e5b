import Upstream
import UsageModel

/// One UTC day of a FairStack account, with the shares of the keys that are read separately.
struct FairStackDay {
    let whole: FairStackBreakdown
    /// The shares of the keys, by name.
    var keys: [String: FairStackBreakdown] = [:]

    /// Returns the cells of the day.
    ///
    /// - Parameters:
    ///   - earlier: the stored cells of the day.
    ///   - keepsRest: whether usage arrived between the queries of the account and of its keys. The account's figures
    ///     are then older than the keys', so the computed rest is too small and `key=""` keeps its earlier amounts. The
    ///     rest must never be too large, because a counter cannot fall.
    func cells(after earlier: [Cell] = [], keepsRest: Bool = false) -> [Cell] {
        let rest = FairStackBreakdown(stored: earlier, key: "")
        let cost = FairStackAttribution(
            whole: whole.cost, keys: keys.mapValues(\.cost), earlierRest: rest.cost.withRemainder, keepsRest: keepsRest)
        let count = FairStackAttribution(
            whole: whole.count, keys: keys.mapValues(\.count), earlierRest: rest.count.withRemainder,
            keepsRest: keepsRest)
        return costCells(cost) + countCells(count) + modalityCells()
    }

    private func costCells(_ cost: FairStackAttribution) -> [Cell] {
        var cells: [Cell] = []
        for (key, models) in cost.amounts {
            for (model, amount) in models {
                cells.append(
                    whole.unit.map { Cell(.credits, [key, model, $0], amount) } ?? Cell(.cost, [key, model], amount))
            }
            // Without configured keys there are no series by key.
            guard !keys.isEmpty else { continue }
            let sum = models.values.reduce(.zero, +)
            if key.isEmpty, sum.isZero { continue }
            cells.append(whole.unit.map { Cell(.keyCredits, [key, $0], sum) } ?? Cell(.keyCost, [key], sum))
        }
        // Committed also if it is 0, which shows that the figures agree. The family is in USD.
        if whole.unit == nil, let difference = cost.difference {
            cells.append(Cell(.reconciliation, [], difference))
        }
        return cells
    }

    /// `generation_count` counts successes, so it yields requests and successes. Failures come from the transactions.
    private func countCells(_ count: FairStackAttribution) -> [Cell] {
        count.amounts.flatMap { key, models in
            models.flatMap { model, amount in
                [Cell(.requests, [key, model], amount), Cell(.outcomes, [key, model, "success"], amount)]
            }
        }
    }

    /// Returns the cells by modality if the response has modalities. Amounts without a modality get the empty label.
    private func modalityCells() -> [Cell] {
        guard !whole.cost.modalities.isEmpty else { return [] }
        var cells: [Cell] = []
        // The family is in USD.
        if whole.unit == nil { cells += Self.cells(.modalityCost, whole.cost) }
        return cells + Self.cells(.modalityRequests, whole.count)
    }

    private static func cells(_ family: LedgerFamily, _ figure: FairStackBreakdown.Figure) -> [Cell] {
        let unlisted = Remainder(total: figure.total, parts: Array(figure.modalities.values)).unlisted
        let listed = figure.modalities.map { Cell(family, [$0.key], $0.value) }
        return unlisted.isZero ? listed : listed + [Cell(family, [""], unlisted)]
    }
}

extension FairStackBreakdown.Figure {
    /// The amounts of the listed models, and under "" the part of the total beyond them.
    fileprivate var withRemainder: [String: ExactDecimal] {
        let unlisted = Remainder(total: total, parts: Array(models.values)).unlisted
        return unlisted.isZero ? models : models.merging(["": unlisted]) { $1 }
    }
}

/// The count and cost of a day in `GET /v1/usage/daily`. A change triggers a read; zeros do not prove an empty day.
struct FairStackDayFigures: Equatable, Codable {
    var count: Int?
    /// Millionths of a dollar.
    var micro: Int?

    /// The figures of a day that `daily` does not list.
    static let unlisted = FairStackDayFigures(count: nil, micro: nil)

    /// Whether there is a figure that can show a change.
    var isKnown: Bool { count != nil || micro != nil }

    /// Whether the day is listed without usage.
    var isZero: Bool { isKnown && (count ?? 0) == 0 && (micro ?? 0) == 0 }

    /// Whether the totals equal those of `GET /v1/usage` or of stored cells, as far as both are present.
    func agrees(with usage: FairStackBreakdown) -> Bool {
        let counts = (count.map { ExactDecimal($0) }, usage.count.total)
        let costs = (micro.map { ExactDecimal(micros: $0) }, usage.cost.total)
        return [counts, costs].allSatisfy { $0.0 == nil || $0.1 == nil || $0.0 == $0.1 }
    }

    /// Whether these figures cover all of a `GET /v1/usage` response: it has a total, and each total is equal.
    func areWhole(of usage: FairStackBreakdown) -> Bool {
        guard usage.count.total != nil || usage.cost.total != nil else { return false }
        return (usage.count.total == nil || usage.count.total == count.map { ExactDecimal($0) })
            && (usage.cost.total == nil || usage.cost.total == micro.map { ExactDecimal(micros: $0) })
    }

    /// Returns the figures by day. Rows without a valid date are skipped.
    static func byDay(_ daily: FairStackDaily) -> [UTCDay: FairStackDayFigures] {
        var figures: [UTCDay: FairStackDayFigures] = [:]
        for row in daily.days.values {
            // The API may write a date as a timestamp.
            guard let day = row.date.value.flatMap({ Timestamp($0.value) })?.day else { continue }
            figures[day] = FairStackDayFigures(
                count: row.count.value?.value, micro: row.cost.value?.micro.value?.value)
        }
        return figures
    }

    /// Returns the sums over the listed days of a range; a sum is nil if one of the days lacks the figure.
    static func sum(_ figures: [UTCDay: FairStackDayFigures], from first: UTCDay, to last: UTCDay)
        -> FairStackDayFigures
    {
        figures.filter { (first...last).contains($0.key) }.values.reduce(FairStackDayFigures(count: 0, micro: 0)) {
            sum, day in
            FairStackDayFigures(
                count: sum.count.flatMap { sum in day.count.map { sum + $0 } },
                micro: sum.micro.flatMap { sum in day.micro.map { sum + $0 } })
        }
    }
}
