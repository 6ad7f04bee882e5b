import Testing
import UsageModel
import Upstream

@testable import Providers

@Suite struct FairStackCreditsTests {
    private func gauges(_ json: String) throws -> [GaugeFamily: [GaugeSample]] {
        try FairStackBody<FairStackCredits>.payload(of: answer(json)).gauges
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

    @Test func whatIsMissingOrNullIsAbsentAndReplacesWhatWasThere() throws {
        for json in ["{}", "{\"balance\":null,\"caps\":null}", "{\"balance\":{\"micro\":null},\"caps\":{\"key\":{}}}"] {
            let gauges = try gauges(json)
            #expect(gauges == [.balanceUSD: [], .balanceCredits: [], .budgetLimit: [], .budgetSpent: []])
        }
    }

    @Test func noLimitIsNoBudget() throws {
        let gauges = try gauges("{\"caps\":{\"key\":{\"micro\":null,\"used_micro\":5}}}")
        #expect(gauges[.budgetLimit] == [])
        #expect(gauges[.budgetSpent] == [])
    }

    @Test func anotherCurrencyIsNoBalanceInDollars() throws {
        let gauges = try gauges(
            "{\"balance\":{\"micro\":1500000,\"currency\":\"EUR\"},\"caps\":{\"key\":{\"micro\":1}}}")
        #expect(gauges[.balanceUSD] == [])
        #expect(gauges[.balanceCredits] == [GaugeSample(["eur"], 1.5)])
        #expect(gauges[.budgetLimit] == [])
    }
}
