import UsageModel

/// What one transaction adds to series, by the day that it belongs to: gathered first, then posted once.
struct Growth {
    /// A series' sum on one day.
    struct Entry: Hashable, Comparable {
        let series: Int64
        let day: Int

        static func < (left: Entry, right: Entry) -> Bool { (left.series, left.day) < (right.series, right.day) }
    }

    private var amounts: [Entry: ExactDecimal] = [:]

    /// Whether there is nothing to post.
    var isEmpty: Bool { amounts.isEmpty }

    /// Adds to a series on a day; zero says that the series was seen.
    mutating func add(_ amount: ExactDecimal, to series: Int64, on day: UTCDay) {
        amounts[Entry(series: series, day: day.daysSinceEpoch), default: .zero] += amount
    }

    /// The days of each series, in the order of series and days: the order of the tables on disk.
    var bySeries: [(series: Int64, days: [(day: Int, amount: ExactDecimal)])] {
        var groups: [(series: Int64, days: [(day: Int, amount: ExactDecimal)])] = []
        for (entry, amount) in amounts.sorted(by: { $0.key < $1.key }) {
            if groups.last?.series == entry.series {
                groups[groups.count - 1].days.append((entry.day, amount))
            } else {
                groups.append((entry.series, [(entry.day, amount)]))
            }
        }
        return groups
    }
}
