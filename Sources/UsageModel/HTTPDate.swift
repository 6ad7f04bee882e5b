/// Parses and formats dates of header fields, in the three forms of RFC 9110 section 5.6.7.
///
/// | form | example |
/// |---|---|
/// | IMF-fixdate | `Sun, 06 Nov 1994 08:49:37 GMT` |
/// | RFC 850 (obsolete) | `Sunday, 06-Nov-94 08:49:37 GMT` |
/// | asctime (obsolete) | `Sun Nov  6 08:49:37 1994` |
package enum HTTPDate {
    /// Parses a date; nil if the text has none of the three forms.
    ///
    /// - Parameters:
    ///   - text: the header field's value.
    ///   - now: a two-digit year more than 50 years after this time is in the past century, as the RFC requires.
    package static func parse(_ text: String, now: Timestamp) -> Timestamp? {
        let words = text.split(separator: " ").map(String.init)
        guard let weekday = words.first else { return nil }
        if weekday.hasSuffix(",") {
            switch words.count {
            case 6 where isWeekday(weekday.dropLast(), names: shortWeekdays) && words[5] == "GMT":
                return timestamp(year: number(words[3], digits: 4), month: words[2], day: words[1], time: words[4])
            case 4 where isWeekday(weekday.dropLast(), names: longWeekdays) && words[3] == "GMT":
                let date = words[1].split(separator: "-", omittingEmptySubsequences: false).map(String.init)
                guard date.count == 3, let year = number(date[2], digits: 2) else { return nil }
                return timestamp(year: fullYear(year, now: now), month: date[1], day: date[0], time: words[2])
            default:
                return nil
            }
        }
        guard words.count == 5, isWeekday(weekday[...], names: shortWeekdays) else { return nil }
        return timestamp(
            year: number(words[4], digits: 4), month: words[1],
            day: words[2].count == 1 ? "0" + words[2] : words[2], time: words[3])
    }

    /// Formats a date as IMF-fixdate, to the second.
    package static func text(_ date: Timestamp) -> String {
        let day = date.day
        // The time in `description`: 1994-11-06T08:49:37Z.
        let time = date.description.dropFirst(11).prefix(8)
        let dayOfMonth = day.dayOfMonth < 10 ? "0\(day.dayOfMonth)" : "\(day.dayOfMonth)"
        return "\(shortWeekdays[day.weekday]), \(dayOfMonth) \(months[day.month - 1]) \(day.year) \(time) GMT"
    }

    private static let shortWeekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    private static let longWeekdays = [
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
    ]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func isWeekday(_ word: Substring, names: [String]) -> Bool { names.contains { $0 == word } }

    private static func timestamp(year: Int?, month: String, day: String, time: String) -> Timestamp? {
        let clock = time.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard clock.count == 3, let year, let month = months.firstIndex(of: month), let day = number(day, digits: 2),
            let date = UTCDay(year: year, month: month + 1, day: day),
            let hour = number(clock[0], digits: 2), let minute = number(clock[1], digits: 2),
            let second = number(clock[2], digits: 2), hour < 24, minute < 60, second <= 60
        else { return nil }
        return date.start + .seconds(hour * 3600 + minute * 60 + second)
    }

    /// Returns the year with these last two digits that is at most 50 years ahead and less than 50 years back.
    private static func fullYear(_ twoDigits: Int, now: Timestamp) -> Int {
        let earliest = now.day.year - 49
        let ahead = (twoDigits - earliest % 100 + 100) % 100
        return earliest + ahead
    }

    private static func number(_ text: String, digits: Int) -> Int? {
        guard text.utf8.count == digits,
            text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return Int(text)
    }
}
