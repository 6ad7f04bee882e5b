import UsageModel

/// The header `Date` (RFC 9110, section 5.6.7).
enum HTTPDate {
    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    static func text(_ moment: Timestamp) -> String {
        let day = moment.day
        // 1 January 1970 was a Thursday.
        let weekday = ((day.daysSinceEpoch + 4) % 7 + 7) % 7
        let second = Int((moment.milliseconds - day.start.milliseconds) / 1000)
        let clock = [second / 3600, second / 60 % 60, second % 60].map(padded).joined(separator: ":")
        return "\(weekdays[weekday]), \(padded(day.dayOfMonth)) \(months[day.month - 1]) \(day.year) \(clock) GMT"
    }

    private static func padded(_ number: Int) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }
}
