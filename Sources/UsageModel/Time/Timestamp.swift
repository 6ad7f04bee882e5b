/// A moment in UTC: whole milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
public struct Timestamp: Sendable, Hashable, Comparable {
    /// Milliseconds since the Unix epoch.
    public let milliseconds: Int64

    /// A moment by its milliseconds since the Unix epoch.
    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// A moment by its whole seconds since the Unix epoch.
    public init(seconds: Int64) {
        milliseconds = seconds * 1000
    }

    /// Seconds since the Unix epoch, as Prometheus expects timestamps.
    public var seconds: Double { Double(milliseconds) / 1000 }

    /// Chronological order.
    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }

    /// The moment this much later.
    public static func + (moment: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(milliseconds: moment.milliseconds + duration.wholeMilliseconds)
    }

    /// The moment this much earlier.
    public static func - (moment: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(milliseconds: moment.milliseconds - duration.wholeMilliseconds)
    }

    /// The time from `right` to `left`.
    public static func - (left: Timestamp, right: Timestamp) -> Duration {
        .milliseconds(left.milliseconds - right.milliseconds)
    }

    /// The UTC day that holds this moment.
    public var day: UTCDay {
        UTCDay(daysSinceEpoch: Int(saturating: (Double(milliseconds) / 86_400_000).rounded(.down)))
    }

    /// The start of the UTC hour that holds this moment.
    public var startOfHour: Timestamp {
        let hour: Int64 = 3_600_000
        let remainder = milliseconds % hour
        return Timestamp(milliseconds: milliseconds - (remainder < 0 ? remainder + hour : remainder))
    }
}

extension Duration {
    /// Whole milliseconds, the fraction dropped.
    public var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }

    /// Seconds with their fraction.
    public var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    /// A number of 24-hour days.
    public static func days(_ count: Int) -> Duration { .seconds(count * 86_400) }

    /// A number of hours.
    public static func hours(_ count: Int) -> Duration { .seconds(count * 3600) }

    /// A number of minutes.
    public static func minutes(_ count: Int) -> Duration { .seconds(count * 60) }
}
