import Foundation
import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests that gauges survive empty responses, and that invalid fields other than money are skipped.
@Suite struct VeniceGaugesTests {
    private static let good = [
        "balance": "{\"balances\":{\"usd\":0.42,\"diem\":3}}",
        "rate_limits":
            "{\"data\":{\"rateLimits\":[{\"apiModelId\":\"m\",\"rateLimits\":[{\"type\":\"RPM\",\"amount\":5}]}]}}",
        "api_keys": "{\"data\":[{\"id\":\"k\",\"description\":\"one\",\"consumptionLimits\":{\"usd\":5}}]}",
    ]

    private func sources(_ api: ScriptedVenice) -> [any UsageSource] {
        [VeniceBalanceSource(api: api), VeniceRateLimitsSource(api: api), VeniceKeysSource(api: api)]
    }

    @Test(arguments: [
        "{\"error\":\"unavailable\"}", "{\"error\":{\"message\":\"x\"}}", "{}", "{\"data\":{}}", "{\"data\":null}",
        "{\"balances\":{}}", "{\"balances\":null}", "[]", "null",
        "{\"data\":{\"error\":\"x\"},\"balances\":{\"error\":\"x\"}}",
    ])
    func responseWithoutDocumentedFieldsFailsAndKeepsTheGauges(body: String) async throws {
        let now = try moment("2026-06-15T10:00:00Z")
        let first = KeptVisit(now: now)
        for source in sources(
            ScriptedVenice { call, _ in
                veniceAnswer(Self.good[String(call.path.split(separator: "/").last ?? "")] ?? "")
            })
        {
            try await source.sync(first)
        }
        #expect(first.gauges[.balanceUSD] == [GaugeSample([], 0.42)])
        let second = KeptVisit(now: now + .minutes(5), after: first)
        for source in sources(ScriptedVenice { _, _ in veniceAnswer(body) }) {
            let failure = await #expect(throws: SourceFailure.self) { try await source.sync(second) }
            #expect(failure?.reason == .decode)
        }
        #expect(second.commits == 0)
        #expect(second.gauges == first.gauges)
    }

    @Test func exhaustedBalanceIsZero() throws {
        let empty = "{\"canConsume\":false,\"balances\":{\"usd\":null,\"diem\":null,\"bundledCredits\":null}}"
        let gauges = try VeniceBalance.gauges(veniceAnswer(empty))
        #expect(gauges[.balanceUSD] == [GaugeSample([], 0)])
        #expect(gauges[.balanceCredits] == [GaugeSample(["bundled_credits"], 0)])
    }

    @Test func emptyListOfKeysIsValid() throws {
        let gauges = try keyGauges("{\"data\":[]}", today: try #require(UTCDay("2026-06-15")))
        #expect(gauges.count == 11)
        #expect(gauges.values.allSatisfy { $0.isEmpty })
    }

    @Test func invalidFieldsOfAKeyAreSkippedWithARemark() async throws {
        let body = """
            {"data":[{"id":{"x":1},"apiKeyType":["INFERENCE"],"description":7,"createdAt":"long ago","lastUsedAt":"",
            "expiresAt":"never","consumptionLimits":{"usd":"unlimited"},"limitPeriod":{},
            "currentPeriodUsage":{"usd":"1.5"}},
            {"id":"a","description":"minus","consumptionLimits":{"usd":-1},"limitPeriod":"EPOCH",
            "currentPeriodUsage":{"usd":"1"}},
            {"id":"b","description":"none","consumptionLimits":"none","currentPeriodUsage":{"usd":2}},
            {"id":"c","description":"null","consumptionLimits":{"usd":null},"currentPeriodUsage":{"usd":2}},
            {"id":"d","description":"kept","consumptionLimits":{"usd":"4"},"currentPeriodUsage":{"usd":"2.5"}}]}
            """
        let context = KeptVisit(now: try moment("2026-06-15T10:00:00Z"))
        try await VeniceKeysSource(api: ScriptedVenice { _, _ in veniceAnswer(body) }).sync(context)
        #expect(context.gauges[.keyInfo]?.count == 5)
        #expect(context.gauges[.keyInfo]?.first == GaugeSample(["7", "", ""], 1))
        #expect(context.gauges[.budgetLimit] == [GaugeSample(["kept", "key"], 4)])
        #expect(context.gauges[.budgetSpent] == [GaugeSample(["kept", "key"], 2.5)])
        for family in [GaugeFamily.budgetPeriod, .budgetReset, .keyCreated, .keyLastUsed, .keyExpiry] {
            #expect(context.gauges[family] == [])
        }
        #expect(context.remarks.contains { $0.contains("data[0].consumptionLimits.usd") })
        #expect(context.remarks.contains { $0.contains("data[0].createdAt") })
        #expect(context.remarks.contains { $0.contains("data[1].consumptionLimits") && $0.contains("usd") } == false)
    }

    /// Money is never skipped; the last figures stay.
    @Test func invalidSpendingIsAFailure() throws {
        let body = """
            {"data":[{"id":"a","consumptionLimits":{"usd":1},"currentPeriodUsage":{"usd":"∞"}}]}
            """
        let today = try #require(UTCDay("2026-06-15"))
        #expect(throws: SourceFailure.self) { try keyGauges(body, today: today) }
        let diem = body.replacingOccurrences(of: "usd", with: "diem")
        #expect(throws: SourceFailure.self) { try keyGauges(diem, today: today) }
        #expect(throws: SourceFailure.self) {
            try VeniceBalance.gauges(veniceAnswer("{\"balances\":{\"usd\":\"∞\"}}"))
        }
    }

    @Test func limitsThatMeanUnlimitedAreAbsent() async throws {
        let body = """
            {"data":{"keyExpiration":"never","rateLimits":[{"apiModelId":"m","rateLimits":[
            {"type":"RPM","amount":"unlimited"},{"type":"TPM","amount":-1},{"type":{},"amount":1},
            {"type":"RPD","amount":null},{"type":"RPD","amount":7}]},{"apiModelId":"n","rateLimits":"none"}]}}
            """
        let context = KeptVisit(now: try moment("2026-06-15T10:00:00Z"))
        try await VeniceRateLimitsSource(api: ScriptedVenice { _, _ in veniceAnswer(body) }).sync(context)
        #expect(
            context.gauges == [
                .rateLimitRequestsPerMinute: [], .rateLimitTokensPerMinute: [], .keyExpiry: [],
                .rateLimitRequestsPerDay: [GaugeSample(["", "m"], 7)], .spendingAllowed: [],
            ])
        #expect(context.remarks.count == 4)
    }

    @Test func onlyTheUsageSourceReportsCost() {
        let api = ScriptedVenice { _, _ in throw refusal(404) }
        #expect(VeniceUsageSource(api: api, setting: .auto).reportsCost)
        #expect(!(VeniceAnalyticsSource(api: api) as any UsageSource).reportsCost)
    }
}
