import UsageModel

/// The durations of one `model` and `operation`: their number in each bucket, and their sum.
struct DurationHistogram {
    /// Counts by index in `LedgerFamily.durationBuckets`; not cumulative.
    private var counts = Array(repeating: 0, count: LedgerFamily.durationBuckets.count)
    private var milliseconds = ExactDecimal.zero

    /// A longer duration than a day is invalid, and would permanently distort the sum.
    static let longestMilliseconds = ExactDecimal(86_400_000)

    /// Adds a duration in milliseconds; ignores a negative one and one longer than a day.
    mutating func add(_ duration: ExactDecimal) {
        guard !duration.isNegative, duration <= Self.longestMilliseconds else { return }
        milliseconds += duration
        let written = duration.doubleValue
        let index = LedgerFamily.durationBounds.firstIndex { written <= $0 * 1000 }
        counts[index ?? LedgerFamily.durationBounds.count] += 1
    }

    /// The cells of the buckets that are not empty, and of the sum; none without a duration.
    func cells(model: String, operation: String = "") -> [Cell] {
        var cells: [Cell] = []
        for (le, count) in zip(LedgerFamily.durationBuckets, counts) where count > 0 {
            cells.append(Cell(.duration, [model, operation, le], ExactDecimal(count)))
        }
        // Milliseconds are converted to seconds by the decimal exponent, which is exact.
        guard !cells.isEmpty, let seconds = ExactDecimal("\(milliseconds)e-3") else { return [] }
        return cells + [Cell(.duration, [model, operation, LedgerFamily.durationSum], seconds)]
    }
}
