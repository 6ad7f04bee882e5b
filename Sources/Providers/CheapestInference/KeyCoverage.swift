import UsageModel

/// Of which days a key's usage is known: the provider gives running figures, so usage belongs to the day on which it was
/// read. A pure value, stored as JSON.
///
/// Readings close to each other put usage on the right day but for what was used between midnight and the nearer of the
/// two readings around it. What grew over a longer gap that holds a midnight is not known by day: coverage then ends at the
/// earlier reading, and begins again at the midnight after the later one.
struct KeyCoverage: Codable, Equatable {
    private(set) var coverage = Coverage()
    /// Where the present span begins.
    private var from: Timestamp
    private(set) var readAt: Timestamp

    /// A key that is read for the first time: the days before are not known, and neither is this one whole.
    init(from now: Timestamp) {
        from = now
        readAt = now
        // No day lies in it; it says from when on days are known.
        coverage.append(Period(start: now, end: now + .milliseconds(1)))
    }

    /// Takes in a reading.
    ///
    /// - Parameters:
    ///   - hasGrown: whether anything was used since the last one.
    ///   - longestGap: up to which a gap that holds a midnight leaves the days known.
    mutating func observe(at now: Timestamp, hasGrown: Bool, longestGap: Duration) {
        if hasGrown, readAt.day != now.day, now - readAt > longestGap, !isNearMidnight(now) {
            from = now.day.advanced(by: 1).start
        }
        readAt = now
        coverage.append(Period(start: from, end: now))
    }

    /// Whether one of two readings around a midnight lies so close to it that all but a trace is known by day.
    private func isNearMidnight(_ now: Timestamp) -> Bool {
        let midnight = now.day.start
        return readAt.day.advanced(by: 1) == now.day && min(midnight - readAt, now - midnight) <= .minutes(10)
    }

    /// To which day growth since the last reading belongs: the one that holds the larger part of the time between.
    func attribution(at now: Timestamp) -> SliceReading.Attribution {
        let midnight = now.day.start
        return readAt < midnight && midnight - readAt > now - midnight && readAt.day.advanced(by: 1) == now.day
            ? .day(readAt.day) : .reading
    }
}
