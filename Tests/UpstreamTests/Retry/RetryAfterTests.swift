import Testing
import UsageModel

@testable import Upstream

@Suite struct RetryAfterTests {
    /// 1994-11-06T08:49:00Z, 37 seconds before the dates of the RFC's examples.
    private static let now = Timestamp(milliseconds: 784_111_740_000)

    @Test(
        "Both forms are parsed as a wait",
        arguments: [
            ("0", 0), ("5", 5), (" 120\t", 120), ("007", 7),
            ("99999999", 365 * 86_400), ("99999999999999999999999999", 365 * 86_400),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 37),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 37),
            ("Sun Nov  6 08:49:37 1994", 37),
            ("Sun Nov 16 08:49:00 1994", 10 * 86_400),
            ("Sun, 06 Nov 1994 08:48:00 GMT", 0),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 365 * 86_400),
        ])
    func read(text: String, seconds: Int) {
        #expect(RetryAfter(text, now: Self.now)?.wait(from: Self.now) == .seconds(seconds))
    }

    @Test(
        "Other values are ignored",
        arguments: [
            "", " ", "-5", "+5", "1.5", "1e3", "0x10", "soon", "5 seconds", "٣",
            "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 94 08:49:37 GMT", "Foo, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT", "Sunday, 06-Foo-94 08:49:37 GMT", "Sun Nov 6 08:49 1994",
            "1994-11-06T08:49:37Z", ",", "Sun,", "Sun, - - - - GMT",
        ])
    func garbage(text: String) {
        #expect(RetryAfter(text, now: Self.now) == nil)
    }

    @Test(
        "A two-digit year is at most 50 years ahead",
        arguments: [("94", 1994), ("44", 2044), ("45", 1945), ("00", 2000), ("99", 1999)])
    func twoDigitYear(written: String, year: Int) {
        let date = HTTPDate.parse("Sunday, 06-Nov-\(written) 08:49:37 GMT", now: Self.now)
        #expect(date?.day.year == year)
    }
}
