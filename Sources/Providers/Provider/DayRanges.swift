import UsageModel

extension [DueSlice] {
    /// Groups slices of days into ranges of at most the given number of days, the newest first.
    func ranges(of longest: Int) -> [[DueSlice]] {
        var ranges: [[DueSlice]] = []
        for due in sorted(by: { $0.slice.period.start > $1.slice.period.start }) {
            if let newest = ranges.last?.first, due.day.distance(to: newest.day) < longest {
                ranges[ranges.count - 1].append(due)
            } else {
                ranges.append([due])
            }
        }
        return ranges
    }

    /// From the oldest to the newest day of a range; nil if there is none.
    var days: ClosedRange<UTCDay>? {
        guard let newest = first, let oldest = last else { return nil }
        return oldest.day...newest.day
    }
}
