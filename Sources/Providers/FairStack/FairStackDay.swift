import Upstream
import UsageModel

/// One UTC day of a FairStack account, with the parts of the keys that are read apart.
struct FairStackDay {
    let whole: FairStackBreakdown
    /// By name.
    var keys: [String: FairStackBreakdown] = [:]

    /// The day's cells.
    ///
    /// - Parameters:
    ///   - earlier: the day's cells so far.
    ///   - keepsRest: whether usage arrived while the account and its keys were read one after the other. The account's
    ///     figures are then older than the keys', so that the rest comes out too small: `key=""` keeps what it had. It
    ///     must never come out too large, since a counter could not give it back.
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
            // Without configured keys nothing is known of keys.
            guard !keys.isEmpty else { continue }
            let sum = models.values.reduce(.zero, +)
            if key.isEmpty, sum.isZero { continue }
            cells.append(whole.unit.map { Cell(.keyCredits, [key, $0], sum) } ?? Cell(.keyCost, [key], sum))
        }
        // Also where it is 0: the figures agreeing is news too. It is in USD.
        if whole.unit == nil, let difference = cost.difference {
            cells.append(Cell(.reconciliation, [], difference))
        }
        return cells
    }

    /// `generation_count` counts successes, so it is both the requests and their successes; failures are known from
    /// the transactions.
    private func countCells(_ count: FairStackAttribution) -> [Cell] {
        count.amounts.flatMap { key, models in
            models.flatMap { model, amount in
                [Cell(.requests, [key, model], amount), Cell(.outcomes, [key, model, "success"], amount)]
            }
        }
    }

    /// Where the answer has modalities at all; what none of them holds goes to the empty one.
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
    /// The listed models, and under "" what the total holds beyond them.
    fileprivate var withRemainder: [String: ExactDecimal] {
        let unlisted = Remainder(total: total, parts: Array(models.values)).unlisted
        return unlisted.isZero ? models : models.merging(["": unlisted]) { $1 }
    }
}

/// The count and cost that `GET /v1/usage/daily` reports for a day: a trigger for change, never proof of emptiness.
struct FairStackDayFigures: Equatable, Codable {
    var count: Int?
    /// Millionths of a dollar.
    var micro: Int?

    /// The figures of a day that `daily` does not list.
    static let unlisted = FairStackDayFigures(count: nil, micro: nil)

    /// Whether there is a figure that a change can be seen by.
    var isKnown: Bool { count != nil || micro != nil }

    /// Whether the day is listed without usage.
    var isZero: Bool { isKnown && (count ?? 0) == 0 && (micro ?? 0) == 0 }

    /// Whether `GET /v1/usage`, or what is stored of it, has the same totals, as far as both have them.
    func agrees(with usage: FairStackBreakdown) -> Bool {
        let counts = (count.map { ExactDecimal($0) }, usage.count.total)
        let costs = (micro.map { ExactDecimal(micros: $0) }, usage.cost.total)
        return [counts, costs].allSatisfy { $0.0 == nil || $0.1 == nil || $0.0 == $0.1 }
    }

    /// Whether these figures are all that `GET /v1/usage` has: each total it gives must be equal, and it must give one.
    func areWhole(of usage: FairStackBreakdown) -> Bool {
        guard usage.count.total != nil || usage.cost.total != nil else { return false }
        return (usage.count.total == nil || usage.count.total == count.map { ExactDecimal($0) })
            && (usage.cost.total == nil || usage.cost.total == micro.map { ExactDecimal(micros: $0) })
    }

    /// Figures by day. Rows whose date cannot be read belong to no day of the query.
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

    /// The sums over the listed days of a range; a figure that one of them lacks has no sum.
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
