import Foundation
import UsageModel

/// What one query over up to 31 days says of each of them: enough to see that a day changed, and which days were empty.
struct WaveSpeedRange {
    /// A day's figures, as the range has them.
    struct Figures: Equatable, Codable {
        /// USD as decimal text.
        let amount: String
        let count: Int

        static let none = Figures(amount: ExactDecimal.zero.description, count: 0)

        /// Whether both say the same, but for the noise of binary floating point in the response.
        func agrees(with other: Figures) -> Bool {
            let difference = (ExactDecimal(amount) ?? .zero) - (ExactDecimal(other.amount) ?? .zero)
            return count == other.count && difference.magnitude < Remainder.noise
        }
    }

    /// The days with figures, by day.
    let days: [UTCDay: Figures]
    /// How many models a day lists.
    let models: [UTCDay: Int]
    /// Whether the days add up to the range's own summary: only then is a day that is not listed a day without usage.
    let isComplete: Bool

    init(_ stats: WaveSpeedUsageStats) {
        var days: [UTCDay: Figures] = [:]
        var models: [UTCDay: Int] = [:]
        var isReadable = true
        var cost = ExactDecimal.zero
        var count = 0
        for usage in stats.daily_usage.values {
            guard let day = usage.day, days[day] == nil, let amount = usage.amount?.value else {
                isReadable = false
                continue
            }
            let requests = usage.count?.value ?? 0
            days[day] = Figures(amount: amount.description, count: requests)
            models[day] = usage.models.values.count
            cost += amount
            count += requests
        }
        self.days = days
        self.models = models
        // Sums that are rounded to 3 decimals may be half of the last digit off each.
        let rounding = (ExactDecimal("0.0005") ?? .zero) * (days.count + 1)
        isComplete =
            isReadable
            && stats.summary?.total_cost.map { ($0.value - cost).magnitude <= rounding } ?? false
            && stats.summary?.total_requests.map { $0.value == count } ?? true
    }

    /// A day's figures; nil where nothing is known of it.
    func figures(of day: UTCDay) -> Figures? { days[day] ?? (isComplete ? Figures.none : nil) }
}

/// What the range query said of each day when that day was read last: a pure value, stored as JSON.
///
/// Figures are compared with figures of the same query, never with our own sums: the provider may round them apart.
struct WaveSpeedTotals: Equatable, Codable {
    /// Days are remembered as long as their cells are kept.
    static let kept = 101

    private var days: [String: WaveSpeedRange.Figures] = [:]

    /// Nothing known yet.
    init() {}

    init(from decoder: any Decoder) throws {
        days = try decoder.singleValueContainer().decode([String: WaveSpeedRange.Figures].self)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(days)
    }

    /// The figures of a day when it was read last; nil where none are remembered.
    subscript(day: UTCDay) -> WaveSpeedRange.Figures? { days[day.description] }

    /// Remembers a day that is read now; nil where the query says nothing of it.
    mutating func remember(_ figures: WaveSpeedRange.Figures?, of day: UTCDay) {
        days[day.description] = figures
    }

    /// Drops days whose cells are gone.
    mutating func forget(before day: UTCDay) {
        days = days.filter { $0.key >= day.description }
    }
}
