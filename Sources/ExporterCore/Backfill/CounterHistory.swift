import UsageModel

/// How a counter came to its present value: what the ledger's days say, told backwards from it.
///
/// The ledger keeps days, so inside a day the counter rises evenly; at each midnight it is exact. It ends at the value
/// that is served live, never falls, and its growth over a day is the day's sum.
struct CounterHistory {
    private struct Day {
        let day: UTCDay
        let before: Double
        let after: Double
    }

    private let days: [Day]
    private let counter: Double
    /// Whether only whole numbers can be counted.
    private let isWhole: Bool
    private let now: Timestamp

    /// A counter's history.
    ///
    /// - Parameters:
    ///   - counter: the value that is served now.
    ///   - days: sums by day, in any order; several counters' that are shown as one are added up.
    ///   - isWhole: whether only whole numbers can be counted.
    ///   - now: the moment up to which the present day's sum was used.
    init(counter: ExactDecimal, days amounts: [(day: UTCDay, amount: ExactDecimal)], isWhole: Bool, now: Timestamp) {
        let sums = Dictionary(amounts.map { ($0.day, $0.amount) }, uniquingKeysWith: +)
        var after = counter
        var days: [Day] = []
        for (day, amount) in sums.sorted(by: { $0.key > $1.key }) {
            // A day that took something back did not lower the counter, and one that was taken back did not raise it.
            let before = max(.zero, min(after, after - amount))
            days.append(Day(day: day, before: before.doubleValue, after: after.doubleValue))
            after = before
        }
        self.days = days.reversed()
        self.counter = counter.doubleValue
        self.isWhole = isWhole
        self.now = now
    }

    /// The first day with usage; nil where no day is known.
    var firstDay: UTCDay? { days.first?.day }

    /// The counter's values at ascending moments.
    func values(at moments: some Sequence<Timestamp>) -> [Double] {
        var place = 0
        return moments.map { moment in
            while place < days.count, end(of: days[place]) <= moment { place += 1 }
            guard place < days.count else { return counter }
            let day = days[place]
            guard moment > day.day.start else { return day.before }
            let share = (moment - day.day.start).inSeconds / (end(of: day) - day.day.start).inSeconds
            let value = min(day.before + (day.after - day.before) * share, day.after)
            // What lies between midnights is no figure of the provider's: more digits would say nothing.
            return isWhole ? value.rounded(.down) : max(day.before, (value * 1_000_000).rounded(.down) / 1_000_000)
        }
    }

    /// The present day ends now.
    private func end(of day: Day) -> Timestamp {
        max(day.day.start + .seconds(1), min(day.day.advanced(by: 1).start, now))
    }
}
