import Testing
import UsageModel

@Suite struct CalendarTests {
    @Test func daysCountThroughLeapYearsAndCenturies() throws {
        var day = try #require(UTCDay(year: 1999, month: 12, day: 31))
        #expect(day.daysSinceEpoch == 10_956)
        var seen: Set<String> = []
        for _ in 0..<40_000 {
            #expect(UTCDay(day.description) == day)
            seen.insert(day.description)
            day = day.advanced(by: 1)
        }
        #expect(seen.contains("2000-02-29") && seen.contains("2024-02-29") && !seen.contains("2100-02-29"))
    }

    @Test(arguments: ["2026-02-29", "2026-13-01", "2026-00-10", "2026-1-01", "26-01-01", "2026/01/01", "2026-01-32"])
    func rejectsInvalidDates(text: String) {
        #expect(UTCDay(text) == nil)
    }

    @Test(arguments: [
        ("2026-02-13T10:30:00.000Z", 1_770_978_600_000), ("2026-02-13T10:30:00Z", 1_770_978_600_000),
        ("2026-02-13T10:30:00.123456Z", 1_770_978_600_123), ("2026-02-13T12:30:00+02:00", 1_770_978_600_000),
        ("2026-02-13 10:30:00", 1_770_978_600_000), ("2026-02-13", 1_770_940_800_000),
    ])
    func readsTimestamps(text: String, milliseconds: Int64) {
        #expect(Timestamp(text)?.milliseconds == milliseconds)
    }

    @Test func writesTimestampsWithAFractionOnlyWhereThereIsOne() {
        #expect(Timestamp(milliseconds: 1_770_978_600_000).description == "2026-02-13T10:30:00Z")
        #expect(Timestamp(milliseconds: 1_770_978_600_007).description == "2026-02-13T10:30:00.007Z")
        #expect(Timestamp(milliseconds: -1).description == "1969-12-31T23:59:59.999Z")
    }

    @Test func windowsAreCalendarSpans() throws {
        let first = try #require(UTCDay("2026-03-01"))
        #expect(WindowSpan.today.days(on: first) == first...first)
        #expect(WindowSpan.yesterday.days(on: first).lowerBound.description == "2026-02-28")
        #expect(WindowSpan.monthToDate.days(on: first) == first...first)
        let previous = WindowSpan.previousMonth.days(on: first)
        #expect("\(previous.lowerBound) \(previous.upperBound)" == "2026-02-01 2026-02-28")
        let january = WindowSpan.previousMonth.days(on: try #require(UTCDay("2027-01-15")))
        #expect("\(january.lowerBound) \(january.upperBound)" == "2026-12-01 2026-12-31")
    }
}
