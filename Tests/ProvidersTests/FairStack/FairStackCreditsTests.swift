import Testing
import UsageModel
import Upstream

@testable import Providers

@Suite struct FairStackCreditsTests {
    /// 2026-02-13T15:00:00Z.
    private static let now = Timestamp(seconds: 1_770_994_800)

    private func gauges(_ json: String) throws -> [GaugeFamily: [GaugeSample]] {
        try FairStackBody<FairStackCredits>.payload(of: answer(json)).gauges(at: Self.now).families
    }

    @Test func balanceAndCapsBecomeGaugesByScope() throws {
        let body = """
            {"balance":{"micro":12345678,"display":"$12.35"},"caps":{"organization":{"micro":250000000,
            "used_micro":"99000001"},"project":null,"key":{"micro":"5000000"}}}
            """
        for json in [body, "{\"request_id\":\"r\",\"data\":\(body)}"] {
            let gauges = try gauges(json)
            #expect(gauges[.balanceUSD] == [GaugeSample([], 12.345678)])
            #expect(gauges[.budgetLimit] == [GaugeSample(["", "organization"], 250), GaugeSample(["", "key"], 5)])
            #expect(gauges[.budgetSpent] == [GaugeSample(["", "organization"], 99.000001)])
        }
    }

    @Test("the cap of the organization has the calendar month as its period, others have none")
    func monthlyCap() throws {
        let caps = #"{"caps":{"organization":{"micro":9},"project":{"micro":8},"key":{"micro":7}}}"#
        let gauges = try gauges(caps)
        #expect(gauges[.budgetLimit]?.count == 3)
        let march = try #require(UTCDay("2026-03-01"))
        #expect(gauges[.budgetReset] == [GaugeSample(["", "organization"], march.start.seconds)])
        #expect(gauges[.budgetPeriod] == [GaugeSample(["", "organization"], 28 * 86_400)])
    }

    @Test func missingOrNullFieldsRemoveEarlierSeries() throws {
        for json in ["{\"balance\":null,\"caps\":null}", "{\"balance\":{\"micro\":null},\"caps\":{\"key\":{}}}"] {
            let gauges = try gauges(json)
            #expect(gauges == FairStackMoneyGauges().families)
            #expect(gauges.count == 7 && gauges.values.allSatisfy(\.isEmpty))
        }
    }

    @Test(arguments: ["null", "0", "-1", "\"unlimited\"", "3999.6", "{}", "[]"])
    func missingLimitYieldsNoBudget(limit: String) throws {
        let gauges = try gauges("{\"caps\":{\"key\":{\"micro\":\(limit),\"used_micro\":5}}}")
        #expect(gauges[.budgetLimit] == [])
        #expect(gauges[.budgetSpent] == [])
    }

    @Test(arguments: [
        "{}", "{\"data\":{}}", "{\"data\":null}", "{\"request_id\":\"r\",\"data\":{\"error\":{\"code\":\"x\"}}}",
        "{\"error\":{\"code\":\"x\",\"message\":\"y\"}}", "{\"error\":\"x\",\"balance\":null}", "[]",
    ])
    func responseWithoutDocumentedFieldsFailsWithoutCommit(json: String) async throws {
        let context = StoredVisit(now: Self.now)
        let failure = await #expect(throws: SourceFailure.self) {
            try await FairStackCreditsSource(api: AnsweringAPI { _, _ in json }).sync(context)
        }
        #expect(failure?.reason == .decode)
        #expect(context.readings.isEmpty)
    }

    @Test func invalidCapIsSkippedWithARemarkAndInvalidBalanceFails() async throws {
        let context = StoredVisit(now: Self.now)
        let caps =
            "\"caps\":{\"key\":\"none\",\"project\":{\"micro\":3999.6},\"organization\":{\"micro\":2000000,\"used_micro\":\"x\"}}"
        try await FairStackCreditsSource(api: AnsweringAPI { _, _ in "{\"balance\":{\"micro\":1500000},\(caps)}" })
            .sync(context)
        #expect(context.gauges[.balanceUSD] == [GaugeSample([], 1.5)])
        #expect(context.gauges[.budgetLimit] == [GaugeSample(["", "organization"], 2)])
        #expect(context.gauges[.budgetSpent] == [])
        #expect(context.remarks.count == 3)
        #expect(context.remarks.contains { $0.hasPrefix("caps.key: ") })
        #expect(throws: SourceFailure.self) { try gauges("{\"balance\":{\"micro\":3999.6},\(caps)}") }
    }

    @Test func missingEndpointHasNoSeries() async throws {
        let context = StoredVisit(now: Self.now)
        let api = AnsweringAPI { _, _ in throw UpstreamFailure(reason: .http4xx, status: 404, message: "not found") }
        try await FairStackCreditsSource(api: api).sync(context)
        #expect(context.gauges[.balanceUSD] == [])
        #expect(api.takeRequests() == ["/v1/credits", "/v1/account"])
    }

    @Test func balanceInAnotherCurrencyIsNotInUSD() throws {
        let gauges = try gauges(
            "{\"balance\":{\"micro\":1500000,\"currency\":\"EUR\"},\"caps\":{\"key\":{\"micro\":1}}}")
        #expect(gauges[.balanceUSD] == [])
        #expect(gauges[.balanceCredits] == [GaugeSample(["eur"], 1.5)])
        #expect(gauges[.budgetLimit] == [])
    }
}
