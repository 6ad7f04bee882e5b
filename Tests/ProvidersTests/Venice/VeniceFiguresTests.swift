import Foundation
import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of analytics by key, balance, rate limits and keys.
@Suite struct VeniceFiguresTests {
    private static let analytics = """
        {"lookback":"custom","byDate":[{"date":"2026-04-20","USD":1.0,"DIEM":19}],
        "byModel":[{"modelName":"GLM 5.1","unitType":"tokens","totalUsd":0.4,"totalDiem":12.5,"totalUnits":50000}],
        "byKey":[{"apiKeyId":"key_abc123","description":"Production Key","totalUsd":"0.8","totalDiem":15,"totalUnits":75000},
        {"apiKeyId":"key_nameless","description":"","totalUsd":0.05,"totalDiem":"0"},
        {"apiKeyId":null,"description":"Web App","totalUsd":0,"totalDiem":4,"totalUnits":25000},
        {"apiKeyId":null,"description":"Other","totalUsd":null,"totalDiem":0.5}]}
        """

    private func day(_ text: String) throws -> SliceID { SliceID(period: try #require(UTCDay(text)).period) }

    @Test func analyticsYieldCostAndDiemByKeyWithTheRestUnderTheEmptyKey() async throws {
        let api = ScriptedVenice { _, _ in veniceAnswer(Self.analytics) }
        let context = KeptVisit(now: try moment("2026-04-20T12:00:00Z"), due: [try day("2026-04-20")])
        try await VeniceAnalyticsSource(api: api).sync(context)
        #expect(api.asked == ["/api/v1/billing/usage-analytics?startDate=2026-04-20&endDate=2026-04-20"])
        #expect(
            Set(context.committed.flatMap(\.cells)) == [
                Cell(.keyCost, ["Production Key"], try decimal("0.8")),
                Cell(.keyCost, ["Key ...meless"], try decimal("0.05")), Cell(.keyCost, ["Web App"], .zero),
                Cell(.keyCost, [""], try decimal("0.15")),
                Cell(.keyCredits, ["Production Key", "diem"], ExactDecimal(15)),
                Cell(.keyCredits, ["Key ...meless", "diem"], .zero),
                Cell(.keyCredits, ["Web App", "diem"], ExactDecimal(4)),
                Cell(.keyCredits, ["Other", "diem"], try decimal("0.5")),
                Cell(.reconciliation, [], try decimal("0.15")),
            ])
    }

    @Test func dayKeepsTheNamesOfItsFirstReadAsLongAsItsCells() async throws {
        let due = [try day("2026-04-20")]
        let first = KeptVisit(now: try moment("2026-04-20T12:00:00Z"), due: due)
        try await VeniceAnalyticsSource(api: ScriptedVenice { _, _ in veniceAnswer(Self.analytics) }).sync(first)
        let renamed = Self.analytics.replacingOccurrences(of: "Production Key", with: "Prod")
        let source = VeniceAnalyticsSource(api: ScriptedVenice { _, _ in veniceAnswer(renamed) })
        let second = KeptVisit(now: try moment("2026-04-21T12:00:00Z"), due: due, after: first)
        try await source.sync(second)
        #expect(second.committed.map { Set($0.cells) } == first.committed.map { Set($0.cells) })
        // The schedule has no later read, but an operator can request one.
        for time in ["2026-04-29T12:00:00Z", "2026-07-28T12:00:00Z"] {
            let last = KeptVisit(now: try moment(time), due: due, settles: true, after: second)
            try await source.sync(last)
            #expect(last.committed.map { Set($0.cells) } == first.committed.map { Set($0.cells) })
            #expect(last.memory["names 2026-04-20"] != nil)
        }
        let next = KeptVisit(now: try moment("2026-04-21T12:00:00Z"), due: [try day("2026-04-21")], after: second)
        try await source.sync(next)
        #expect(next.committed[0].cells.contains(Cell(.keyCost, ["Prod"], try decimal("0.8"))))
        // 100 days later the day's cells and names are deleted.
        let later = KeptVisit(now: try moment("2026-07-30T12:00:00Z"), due: [try day("2026-07-30")], after: next)
        try await source.sync(later)
        #expect(later.memory["names 2026-04-20"] == nil)
        #expect(later.memory["names 2026-04-21"] != nil)
    }

    @Test func invalidStoredNamesAreAStorageFailure() async throws {
        let context = KeptVisit(
            now: try moment("2026-04-20T12:00:00Z"), due: [try day("2026-04-20")], memory: ["names 2026-04-20": "{"])
        let failure = await #expect(throws: SourceFailure.self) {
            try await VeniceAnalyticsSource(api: ScriptedVenice { _, _ in veniceAnswer(Self.analytics) }).sync(context)
        }
        #expect(failure?.reason == .storage)
        #expect(context.committed.isEmpty)
    }

    @Test func timeoutOfOneDayDoesNotStopOthers() async throws {
        let api = ScriptedVenice { _, count in
            if count == 0 { throw refusal(504) }
            return veniceAnswer(Self.analytics)
        }
        let earlier = try day("2026-04-19")
        let context = KeptVisit(now: try moment("2026-04-20T12:00:00Z"), due: [try day("2026-04-20"), earlier])
        let failure = await #expect(throws: PartialFailure.self) {
            try await VeniceAnalyticsSource(api: api).sync(context)
        }
        #expect(failure?.reason == .http5xx)
        #expect(context.committed.map(\.slice) == [earlier])
    }

    @Test func missingEndpointsAreNotFailuresAndYieldNoSeries() async throws {
        let api = ScriptedVenice { _, _ in throw refusal(404) }
        let context = KeptVisit(now: try moment("2026-04-20T12:00:00Z"), due: [try day("2026-04-20")])
        let sources: [any UsageSource] = [
            VeniceAnalyticsSource(api: api), VeniceBalanceSource(api: api), VeniceRateLimitsSource(api: api),
            VeniceKeysSource(api: api),
        ]
        for source in sources { try await source.sync(context) }
        #expect(context.committed.isEmpty)
        #expect(context.gauges.values.allSatisfy { $0.isEmpty })
        #expect(context.gauges.count == 17)
    }

    @Test func balancesAreShownByCurrencyAndNullIsZeroButForDiem() throws {
        let gauges = try VeniceBalance.gauges(
            veniceAnswer(
                """
                {"canConsume":true,"consumptionCurrency":"DIEM","balances":{"diem":90.5,"usd":"25",
                "bundledCredits":10,"earnedCredits":null},"diemEpochAllocation":100}
                """))
        #expect(gauges[.balanceUSD] == [GaugeSample([], 25)])
        #expect(
            gauges[.balanceCredits] == [
                GaugeSample(["diem"], 90.5), GaugeSample(["bundled_credits"], 10), GaugeSample(["earned_credits"], 0),
            ])
        #expect(gauges[.balanceAllocation] == [GaugeSample(["", "", "diem"], 100)])
        #expect(gauges[.spendingAllowed] == [GaugeSample([""], 1)])
        let none = try VeniceBalance.gauges(veniceAnswer("{\"balances\":{\"diem\":null,\"usd\":null}}"))
        #expect(
            none == [
                .balanceUSD: [GaugeSample([], 0)], .balanceCredits: [], .balanceAllocation: [], .spendingAllowed: [],
            ])
        let withoutUSD = try VeniceBalance.gauges(veniceAnswer("{\"balances\":{\"diem\":1}}"))
        #expect(withoutUSD[.balanceUSD] == [])
        #expect(withoutUSD[.balanceCredits] == [GaugeSample(["diem"], 1)])
    }

    @Test func rateLimitsAreByModelAndKeyExpiryHasTheEmptyKey() throws {
        let gauges = try VeniceRateLimits.gauges(
            veniceAnswer(
                """
                {"data":{"accessPermitted":true,"apiTier":{"id":"paid","isCharged":true},
                "balances":{"USD":50.23,"DIEM":100.023},"keyExpiration":"2026-12-31T23:59:59.000Z",
                "nextEpochBegins":"2026-04-21T00:00:00.000Z","rateLimits":[{"apiModelId":"zai-org-glm-5-1",
                "rateLimits":[{"type":"RPM","amount":100},{"type":"TPM","amount":"2000000"},{"type":"RPD","amount":5000},
                {"type":"TPW","amount":1}]},{"apiModelId":"video","rateLimits":[]},{"apiModelId":null,
                "rateLimits":[{"type":"RPM","amount":1}]}]}}
                """))
        let labels = ["", "zai-org-glm-5-1"]
        #expect(
            gauges == [
                .rateLimitRequestsPerMinute: [GaugeSample(labels, 100)],
                .rateLimitTokensPerMinute: [GaugeSample(labels, 2_000_000)],
                .rateLimitRequestsPerDay: [GaugeSample(labels, 5000)],
                .keyExpiry: [GaugeSample([""], try moment("2026-12-31T23:59:59Z").seconds)],
                .spendingAllowed: [GaugeSample(["api_key"], 1)], .balanceUSD: [], .balanceCredits: [],
            ])
        #expect(throws: SourceFailure.self) { try VeniceRateLimits.gauges(veniceAnswer("{\"object\":\"list\"}")) }
    }

    @Test func keysHaveBudgetsByPeriod() throws {
        let today = try #require(UTCDay("2026-02-10"))
        let gauges = try keyGauges(
            """
            {"object":"list","data":[{"id":"e28e82dc-9df2-4b47-b726-d0a222ef2ab5","apiKeyType":"INFERENCE",
            "description":"backend prod","createdAt":"2025-10-01T12:00:00.000Z","expiresAt":null,
            "lastUsedAt":"2026-02-09T10:05:00.000Z","last6Chars":"2V2jNW",
            "consumptionLimits":{"usd":50,"diem":10,"vcu":null},"limitPeriod":"MONTH","modelPrivacy":"ALL",
            "usage":{"trailingSevenDays":{"usd":"4.2000","vcu":"0.0000","diem":"0.0000"}},
            "currentPeriodUsage":{"usd":"12.5000","diem":"0.0000"}},
            {"id":"b","description":"daily","expiresAt":"2026-03-01","consumptionLimits":{"usd":"2.5"},
            "limitPeriod":"EPOCH","currentPeriodUsage":{"usd":null}},
            {"id":"c","description":"once","consumptionLimits":{"usd":0},"limitPeriod":"LIFETIME","expiresAt":""},
            {"id":"same-111111","description":"twin"},{"id":"same-222222","description":"twin",
            "consumptionLimits":{"usd":null,"diem":5}},{"id":"nameless","description":""}]}
            """, today: today)
        let prod = ["backend prod", "key"]
        #expect(
            gauges[.keyInfo] == [
                GaugeSample(["backend prod", "e28e82dc-9df2-4b47-b726-d0a222ef2ab5", "INFERENCE"], 1),
                GaugeSample(["daily", "b", ""], 1), GaugeSample(["once", "c", ""], 1),
                GaugeSample(["twin (...111111)", "same-111111", ""], 1),
                GaugeSample(["twin (...222222)", "same-222222", ""], 1),
                GaugeSample(["Key ...meless", "nameless", ""], 1),
            ])
        #expect(gauges[.keyCreated] == [GaugeSample(["backend prod"], try moment("2025-10-01T12:00:00Z").seconds)])
        #expect(gauges[.keyLastUsed] == [GaugeSample(["backend prod"], try moment("2026-02-09T10:05:00Z").seconds)])
        #expect(gauges[.keyExpiry] == [GaugeSample(["daily"], try moment("2026-03-01").seconds)])
        // A limit of 0 USD yields no budget.
        #expect(gauges[.budgetLimit] == [GaugeSample(prod, 50), GaugeSample(["daily", "key"], 2.5)])
        #expect(
            gauges[.budgetLimitCredits] == [
                GaugeSample(prod + ["diem"], 10), GaugeSample(["twin (...222222)", "key", "diem"], 5),
            ])
        #expect(gauges[.budgetSpentCredits] == [GaugeSample(prod + ["diem"], 0)])
        #expect(gauges[.budgetSpent] == [GaugeSample(prod, 12.5)])
        #expect(
            gauges[.budgetPeriod] == [GaugeSample(prod, 28 * 86_400), GaugeSample(["daily", "key"], 86_400)])
        #expect(
            gauges[.budgetReset] == [
                GaugeSample(prod, try moment("2026-03-01").seconds),
                GaugeSample(["daily", "key"], try moment("2026-02-11").seconds),
            ])
    }

    @Test func monthEndsAtTheFirstOfTheNext() throws {
        for (today, end) in [("2026-12-31", "2027-01-01"), ("2028-02-01", "2028-03-01"), ("2026-01-31", "2026-02-01")] {
            let period = VeniceKeys.period("MONTH", today: try #require(UTCDay(today)))
            #expect(period?.end == Timestamp(end))
        }
    }
}
