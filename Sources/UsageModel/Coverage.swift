/// The periods whose usage was read completely and is attributed to a UTC day.
///
/// A window of days is exact only if it lies within one span (metrics law 11). Usage between two spans was not read, or
/// its day is unknown.
package struct Coverage: Sendable, Hashable, Codable {
    /// Disjoint, ascending, not empty.
    package private(set) var spans: [Period]

    /// The number of spans kept. The oldest are dropped first, which affects only windows long past.
    private static let longest = 64

    /// Creates a coverage from adjacent or disjoint spans in ascending order; drops empty spans and merges adjacent ones.
    package init(_ spans: [Period] = []) {
        self.spans = []
        for span in spans { append(span) }
    }

    /// The end of the last span; nil if nothing is covered.
    package var end: Timestamp? { spans.last?.end }

    /// Appends a span that begins no earlier than the last one, and merges the two if they touch.
    package mutating func append(_ span: Period) {
        guard span.start < span.end else { return }
        if let last = spans.last, span.start <= last.end {
            spans[spans.count - 1] = Period(start: last.start, end: max(last.end, span.end))
        } else {
            spans.append(span)
            if spans.count > Self.longest { spans.removeFirst() }
        }
    }

    /// Whether the usage of these days is complete, as of `today`.
    ///
    /// Past days must lie within one span. If `today` is among them, the last span must contain the start of the first
    /// day: usage after the span's end was not read yet, and none before it is missing.
    package func covers(_ days: ClosedRange<UTCDay>, on today: UTCDay) -> Bool {
        let start = days.lowerBound.start
        guard days.upperBound >= today else {
            let end = days.upperBound.advanced(by: 1).start
            return spans.contains { $0.start <= start && end <= $0.end }
        }
        return spans.last.map { $0.start <= start && start < $0.end } ?? false
    }
}
