import Foundation
import UsageModel

/// The figures by day of one query over up to 31 days. They show which days changed and which are empty.
struct WaveSpeedRange {
    /// The figures of a day in the range query.
    struct Figures: Equatable, Codable {
        /// USD as decimal text.
        let amount: String
        let count: Int

        static let none = Figures(amount: ExactDecimal.zero.description, count: 0)

        /// Whether both are equal, except for rounding errors of binary floating point in the response.
        func agrees(with other: Figures) -> Bool {
            let difference = (ExactDecimal(amount) ?? .zero) - (ExactDecimal(other.amount) ?? .zero)
            return count == other.count && difference.magnitude < Remainder.noise
        }
    }

    /// The days with figures, by day.
    let days: [UTCDay: Figures]
    /// The number of models that a day lists.
    let models: [UTCDay: Int]
    /// Whether the days sum to the range's own summary. Only then is a day that is not listed a day without usage.
    let isComplete: Bool

    init(_ stats: WaveSpeedUsageResponse) {
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
        // Each sum that is rounded to 3 decimals may be off by half of the last digit.
        let rounding = (ExactDecimal("0.0005") ?? .zero) * (days.count + 1)
        isComplete =
            isReadable
            && stats.summary?.total_cost.map { ($0.value - cost).magnitude <= rounding } ?? false
            && stats.summary?.total_requests.map { $0.value == count } ?? true
    }

    /// Returns the figures of a day; nil if they are unknown.
    func figures(of day: UTCDay) -> Figures? { days[day] ?? (isComplete ? Figures.none : nil) }
}

/// The figures of the range query for each day when the day was last read. A value type, stored as JSON.
///
/// Figures are compared only with those of the same query, because the provider may round computed sums differently.
struct WaveSpeedTotals: Equatable, Codable {
    /// Number of days to store, as long as their cells are kept.
    static let kept = 101

    private var days: [String: WaveSpeedRange.Figures] = [:]

    init() {}

    init(from decoder: any Decoder) throws {
        days = try decoder.singleValueContainer().decode([String: WaveSpeedRange.Figures].self)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(days)
    }

    /// The figures of a day when it was last read; nil if none are stored.
    subscript(day: UTCDay) -> WaveSpeedRange.Figures? { days[day.description] }

    /// Stores the figures of a day that is read now; nil if the range query has none.
    mutating func remember(_ figures: WaveSpeedRange.Figures?, of day: UTCDay) {
        days[day.description] = figures
    }

    /// Drops days whose cells are deleted.
    mutating func forget(before day: UTCDay) {
        days = days.filter { $0.key >= day.description }
    }
}
