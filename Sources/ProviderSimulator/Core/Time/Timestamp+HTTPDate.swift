import UsageModel

extension Timestamp {
    /// The moment as HTTP headers write it, to the second: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
    var httpDate: String {
        let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        // The clock time is the one of `description`: 1994-11-06T08:49:37Z.
        let clock = description.dropFirst(11).prefix(8)
        let dayOfMonth = day.dayOfMonth < 10 ? "0\(day.dayOfMonth)" : "\(day.dayOfMonth)"
        return "\(days[day.weekday]), \(dayOfMonth) \(months[day.month - 1]) \(day.year) \(clock) GMT"
    }
}

extension UTCDay {
    /// The day of the week, from Monday (0) to Sunday (6); 1970-01-01 was a Thursday.
    var weekday: Int { ((daysSinceEpoch + 3) % 7 + 7) % 7 }
}
