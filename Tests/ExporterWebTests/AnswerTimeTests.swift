import ExporterCore
import NIOCore
import Testing

@testable import ExporterWeb

@Suite struct AnswerTimeTests {
    @Test(
        "Prometheus' scrape timeout limits the response",
        arguments: [
            ("10", 10_000), ("0.5", 500), ("14.999", 14_999), (nil, 120_000), ("", 120_000), ("nan", 120_000),
            ("-1", 120_000), ("0", 120_000), ("1e300", 120_000), ("ten", 120_000),
        ])
    func scrapeTimeout(header: String?, milliseconds: Int64) {
        #expect(AnswerTime(scrapeTimeout: header).limit == .milliseconds(milliseconds))
    }

    /// The response to a slow client continues, but no longer counts against the limit.
    @Test("a scrape that no longer counts makes room, once") func slowScrape() {
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
