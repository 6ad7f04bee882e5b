import UsageModel

/// The days for which a key's usage is known. The provider reports running figures, so usage belongs to the day on
/// which it was read. A value type, stored as JSON.
///
/// Frequent readings assign usage to the right day, except for usage between midnight and the nearer of the two
/// readings around it. If usage grew over a longer gap across a midnight, its days are unknown: coverage then ends at
/// the earlier reading, and starts again at the midnight after the later one.
struct KeyCoverage: Codable, Equatable {
    private(set) var coverage = Coverage()
    /// The start of the current span.
    private var from: Timestamp
    private(set) var readAt: Timestamp

    /// The longest gap between readings across a midnight after which usage can still be assigned to a day, for keys that
    /// are read every minute.
    static let longestGap = Duration.hours(1)

    /// Starts the coverage of a key at its first reading. Earlier days are unknown, and the current day is incomplete.
    init(from now: Timestamp) {
        from = now
        readAt = now
        // The span covers no day; its start marks the time from which days are known.
        coverage.append(Period(start: now, end: now + .milliseconds(1)))
    }

    /// Records a reading.
    ///
    /// - Parameters:
    ///   - hasGrown: whether there was usage since the last reading.
    ///   - longestGap: the longest gap across a midnight after which the days are still known.
    mutating func observe(at now: Timestamp, hasGrown: Bool, longestGap: Duration) {
        if hasGrown, readAt.day != now.day, now - readAt > longestGap, !isNearMidnight(now) {
            from = now.day.advanced(by: 1).start
        }
        readAt = now
        coverage.append(Period(start: from, end: now))
    }

    /// Whether one of two readings around a midnight is so close to it that nearly all usage can be assigned to a day.
    private func isNearMidnight(_ now: Timestamp) -> Bool {
        let midnight = now.day.start
        return readAt.day.advanced(by: 1) == now.day && min(midnight - readAt, now - midnight) <= .minutes(10)
    }

    /// Returns the day of growth since the last reading: the one that contains the larger part of the interval.
    func attribution(at now: Timestamp) -> SliceReading.Attribution {
        let midnight = now.day.start
        return readAt < midnight && midnight - readAt > now - midnight && readAt.day.advanced(by: 1) == now.day
            ? .day(readAt.day) : .reading
    }
}
