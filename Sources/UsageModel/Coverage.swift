/// The spans of time whose usage is known whole, and of which it is known on which UTC day it was.
///
/// A window of days is exact only where it lies inside one span (metrics law 11): what lies between two spans was not
/// read, or its day is not known.
package struct Coverage: Sendable, Hashable, Codable {
    /// Disjoint, ascending, none of them empty.
    package private(set) var spans: [Period]

    /// More gaps than this are not kept: the oldest spans go first, and with them only windows that are long past.
    private static let longest = 64

    /// Coverage of adjoining or disjoint spans in ascending order; empty ones are dropped, adjoining ones joined.
    package init(_ spans: [Period] = []) {
        self.spans = []
        for span in spans { append(span) }
    }

    /// Where the last span ends; nil where nothing is covered.
    package var end: Timestamp? { spans.last?.end }

    /// Adds a span that begins no earlier than the last one; where it touches the last one, that one grows.
    package mutating func append(_ span: Period) {
        guard span.start < span.end else { return }
        if let last = spans.last, span.start <= last.end {
            spans[spans.count - 1] = Period(start: last.start, end: max(last.end, span.end))
        } else {
            spans.append(span)
            if spans.count > Self.longest { spans.removeFirst() }
        }
    }

    /// Whether the usage of these days is whole, seen on `today`.
    ///
    /// Days that are over have to lie inside one span. Where `today` is among them the last span must hold the first
    /// day's beginning: what came after its end was not read yet, and nothing before it is missing.
    package func covers(_ days: ClosedRange<UTCDay>, on today: UTCDay) -> Bool {
        let start = days.lowerBound.start
        guard days.upperBound >= today else {
            let end = days.upperBound.advanced(by: 1).start
            return spans.contains { $0.start <= start && end <= $0.end }
        }
        return spans.last.map { $0.start <= start && start < $0.end } ?? false
    }
}
