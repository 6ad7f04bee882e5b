import Testing
import UsageModel
import Upstream

@Suite struct UpstreamNoticeTests {
    private let now = Timestamp(seconds: 1_790_000_000)

    @Test(arguments: [
        ("@1783555200", true), ("@1999999999", false), ("true", true), ("Thu, 09 Jul 2026 00:00:00 GMT", true),
        ("2026-07-09", true), ("Sun, 01 Jan 2040 00:00:00 GMT", false), ("@99999999999999", false), ("maybe", false),
    ])
    func deprecationCountsFromItsDateOn(field: String, isDeprecated: Bool) {
        #expect(UpstreamNotice(headers: ["Deprecation": field], now: now).isDeprecated == isDeprecated)
    }

    @Test func sunsetIsADate() {
        let headers: UpstreamHeaders = ["sunset": "Wed, 16 Sep 2026 00:00:00 GMT"]
        let sunset = Timestamp("2026-09-16")
        #expect(UpstreamNotice(headers: headers, now: now) == UpstreamNotice(isDeprecated: false, sunset: sunset))
        #expect(UpstreamNotice(goneWith: headers, now: now) == UpstreamNotice(isDeprecated: true, sunset: sunset))
        #expect(UpstreamNotice(headers: [:], now: now) == UpstreamNotice(isDeprecated: false))
        #expect(UpstreamNotice(headers: ["Sunset": "soon"], now: now).sunset == nil)
    }
}
