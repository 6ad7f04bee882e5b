import UsageModel
import Upstream

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
