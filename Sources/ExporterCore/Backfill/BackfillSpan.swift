import UsageModel

/// Which moments a backfill writes: a sample each half hour, on the hour and half past it.
///
/// Half an hour, so that a range of an hour holds two samples and has a rate.
public struct BackfillSpan: Sendable {
    /// Between two samples.
    static let step = Duration.minutes(30)
    /// What is newer belongs to the Prometheus that scrapes: its newest block is not on disk yet.
    static let headStart = Duration.hours(3)

    /// Nothing is written before this moment; nil for the ledger's beginning.
    let start: Timestamp?
    /// The last moment that may be written.
    let end: Timestamp
    let now: Timestamp

    /// - Parameters:
    ///   - from: the first day; nil for the ledger's first.
    ///   - to: the last day, whole; nil for all but the newest three hours.
    public init(from: UTCDay?, to: UTCDay?, now: Timestamp) {
        start = from?.start
        let newest = now - Self.headStart
        end = to.map { min($0.advanced(by: 1).start, newest) } ?? newest
        self.now = now
    }

    /// The moments from a day's beginning on, ascending.
    func moments(from day: UTCDay) -> [Timestamp] {
        let first = max(day.start, start ?? day.start)
        return Array(sequence(first: first) { $0 + Self.step }.prefix { $0 <= end })
    }
}
