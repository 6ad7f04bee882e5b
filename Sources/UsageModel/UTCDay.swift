/// A calendar day in UTC.
package struct UTCDay: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let daysSinceEpoch: Int

    package init(daysSinceEpoch: Int) {
        self.daysSinceEpoch = daysSinceEpoch
    }

    /// Creates a day of the proleptic Gregorian calendar; nil if the date does not exist.
    package init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month), (1...31).contains(day) else { return nil }
        // The days_from_civil algorithm: years begin in March, so that the leap day is the last of its year.
        let marchYear = month > 2 ? year : year - 1
        let era = marchYear / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        daysSinceEpoch = era * 146_097 + dayOfEra - 719_468
        guard self.year == year, self.month == month, self.dayOfMonth == day else { return nil }
    }

    /// Parses `2026-02-28`; nil for other text.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count == 4, parts[1].count == 2, parts[2].count == 2,
            parts.allSatisfy({ $0.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } }),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2])
        else { return nil }
        self.init(year: year, month: month, day: day)
    }

    /// The first day that begins at or after a time.
    package init(firstFrom time: Timestamp) {
        self = time == time.day.start ? time.day : time.day.advanced(by: 1)
    }

    package var year: Int { civil.year }

    package var month: Int { civil.month }

    package var dayOfMonth: Int { civil.day }

    /// The weekday, from Monday (0) to Sunday (6); 1970-01-01 was a Thursday.
    package var weekday: Int { ((daysSinceEpoch + 3) % 7 + 7) % 7 }

    private var civil: (year: Int, month: Int, day: Int) {
        let shifted = daysSinceEpoch + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    /// `2026-02-28`.
    package var description: String {
        let (year, month, day) = civil
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }

    /// 00:00:00 UTC of this day.
    package var start: Timestamp { Timestamp(milliseconds: Int64(daysSinceEpoch) * 86_400_000) }

    /// From 00:00 of this day to 00:00 of the next.
    package var period: Period { Period(start: start, end: advanced(by: 1).start) }

    /// The first day of this day's month.
    package var startOfMonth: UTCDay { advanced(by: 1 - dayOfMonth) }

    /// The first day of the month after this day's.
    package var startOfNextMonth: UTCDay { startOfMonth.advanced(by: 31).startOfMonth }

    /// The calendar month of this day in UTC.
    package var calendarMonth: Period { Period(start: startOfMonth.start, end: startOfNextMonth.start) }

    package static func < (left: UTCDay, right: UTCDay) -> Bool { left.daysSinceEpoch < right.daysSinceEpoch }
}

extension UTCDay: Strideable {
    package func distance(to other: UTCDay) -> Int { other.daysSinceEpoch - daysSinceEpoch }

    package func advanced(by days: Int) -> UTCDay { UTCDay(daysSinceEpoch: daysSinceEpoch + days) }
}

func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

/// A time span from `start` (inclusive) to `end` (exclusive).
package struct Period: Sendable, Hashable, Codable {
    package let start: Timestamp
    package let end: Timestamp

    /// Creates a span; one with an end before its start is empty.
    package init(start: Timestamp, end: Timestamp) {
        self.start = start
        self.end = max(start, end)
    }

    package func contains(_ time: Timestamp) -> Bool { start <= time && time < end }
}

/// A span of calendar days whose totals are exported as `genai_window_*` gauges, in UTC.
package enum WindowSpan: String, Sendable, Hashable, CaseIterable {
    case today
    /// The previous day.
    case yesterday
    case monthToDate = "month_to_date"
    case previousMonth = "previous_month"

    /// Returns the days of this window as of `today`.
    package func days(on today: UTCDay) -> ClosedRange<UTCDay> {
        switch self {
        case .today: return today...today
        case .yesterday: return today.advanced(by: -1)...today.advanced(by: -1)
        case .monthToDate: return today.startOfMonth...today
        case .previousMonth:
            let last = today.startOfMonth.advanced(by: -1)
            return last.startOfMonth...last
        }
    }
}

/// A span up to now whose usage the provider itself reports (`genai_window_*`).
package enum RollingWindow: String, Sendable, Hashable, CaseIterable {
    case lastHour = "last_1h"
    case lastDay = "last_24h"
    case lastWeek = "last_7d"
    case lastMonth = "last_30d"

    package var span: Duration {
        switch self {
        case .lastHour: .hours(1)
        case .lastDay: .days(1)
        case .lastWeek: .days(7)
        case .lastMonth: .days(30)
        }
    }
}
