import ExporterCore
import NIOCore
import Testing

@testable import ExporterWeb

@Suite struct AnswerTimeTests {
    @Test(arguments: [
        ("10", 10_000), ("0.5", 500), ("14.999", 14_999), (nil, 120_000), ("", 120_000), ("nan", 120_000),
        ("-1", 120_000), ("0", 120_000), ("1e300", 120_000), ("ten", 120_000),
    ])
    func prometheusTimeoutEndsTheScrape(header: String?, milliseconds: Int64) {
        #expect(AnswerTime(scrapeTimeout: header).limit == .milliseconds(milliseconds))
    }

    /// A slow reader is let go on, and no longer keeps others out.
    @Test func scrapeThatNoLongerCountsMakesRoomAndIsCountedOffOnce() {
        let tally = ScrapeTally()
        let slow = tally.begin(limit: 1)
        #expect(tally.begin(limit: 1) == nil)
        slow?.end()
        slow?.end()
        #expect(tally.inFlight == 0)
        let next = tally.begin(limit: 1)
        #expect(next != nil)
        #expect(tally.inFlight == 1)
        withExtendedLifetime((slow, next)) {}
    }
}
