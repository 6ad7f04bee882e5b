import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of budgets in DIEM, of keys that may not spend USD, and of balances that are limited to the key.
@Suite struct VeniceSpendingTests {
    private func today() throws -> UTCDay { try #require(UTCDay("2026-06-15")) }

    private func key(_ limits: String, spent: String = "null") -> String {
        """
        {"data":[{"id":"k","description":"bot","limitPeriod":"EPOCH","consumptionLimits":\(limits),
        "currentPeriodUsage":{"usd":"0.0000","diem":\(spent)}}]}
        """
    }

    @Test("a DIEM key about to stop has a budget in credits with its period")
    func diemBudget() throws {
        let gauges = try keyGauges(key("{\"usd\":null,\"diem\":10}", spent: "\"9.8000\""), today: try today())
        let labels = ["bot", "key"]
        #expect(gauges[.budgetLimitCredits] == [GaugeSample(labels + ["diem"], 10)])
        #expect(gauges[.budgetSpentCredits] == [GaugeSample(labels + ["diem"], 9.8)])
        #expect(gauges[.budgetPeriod] == [GaugeSample(labels, 86_400)])
        #expect(gauges[.budgetReset] == [GaugeSample(labels, try moment("2026-06-16").seconds)])
        for family in [GaugeFamily.budgetLimit, .budgetSpent, .spendingAllowed] { #expect(gauges[family] == []) }
    }

    @Test("limits that mean none are no budget", arguments: ["null", "-1", "0", "\"none\""])
    func noLimit(limit: String) throws {
        let gauges = try keyGauges(key("{\"usd\":null,\"diem\":\(limit)}", spent: "\"1\""), today: try today())
        let families: [GaugeFamily] = [
            .budgetLimitCredits, .budgetSpentCredits, .budgetLimit, .budgetSpent, .budgetPeriod, .budgetReset,
            .spendingAllowed,
        ]
        for family in families { #expect(gauges[family] == []) }
    }

    @Test(
        "a limit of 0 USD yields no budget, and stops the key if it has no DIEM to spend",
        arguments: [
            // The account has none.
            ("null", "null", VeniceAccountDIEM.exhausted, 0), ("10", "\"1\"", .exhausted, 0),
            ("0", "null", .exhausted, 0),
            // The key has used up its own.
            ("10", "\"10.0000\"", .available, 0), ("10", "\"10.5\"", .unknown, 0),
            // The key can still spend DIEM.
            ("null", "null", .available, 1), ("10", "\"9.9\"", .available, 1), ("10", "null", .available, 1),
            // Not known: no series, and no false alarm.
            ("null", "null", .unknown, nil), ("10", "\"9.9\"", .unknown, nil), ("0", "null", .available, nil),
        ] as [(String, String, VeniceAccountDIEM, Double?)])
    func withoutUSD(diem: String, spent: String, account: VeniceAccountDIEM, allowed: Double?) throws {
        let gauges = try keyGauges(
            key("{\"usd\":0,\"diem\":\(diem)}", spent: spent), today: try today(), accountDIEM: account)
        #expect(gauges[.spendingAllowed] == (allowed.map { [GaugeSample(["bot"], $0)] } ?? []))
        #expect(gauges[.budgetLimit] == [])
        #expect(gauges[.budgetSpent] == [])
    }

    @Test("the account's DIEM is read only if a key may not spend USD, and its failure does not fail the keys")
    func accountDIEM() async throws {
        let now = try moment("2026-06-15T10:00:00Z")
        func allowed(
            _ limits: String, _ balance: @escaping @Sendable () throws -> UpstreamResponse
        ) async throws -> (api: ScriptedVenice, context: KeptVisit) {
            let body = key(limits)
            let api = ScriptedVenice(incidental: { _ in try balance() }) { _, _ in veniceAnswer(body) }
            let context = KeptVisit(now: now)
            try await VeniceKeysSource(api: api).sync(context)
            return (api, context)
        }
        @Sendable func body(_ diem: String) -> UpstreamResponse {
            veniceAnswer("{\"balances\":{\"usd\":5,\"diem\":\(diem)}}")
        }
        let limited = try await allowed("{\"usd\":5}") { body("1") }
        #expect(limited.api.incidentalPaths.isEmpty)
        for (diem, expected) in [("null", 0.0), ("0", 0), ("-0.01", 0), ("0.5", 1)] {
            let found = try await allowed("{\"usd\":\"0\",\"diem\":null}") { body(diem) }
            #expect(found.context.gauges[.spendingAllowed] == [GaugeSample(["bot"], expected)])
            #expect(found.api.incidentalPaths == ["/api/v1/billing/balance"])
        }
        let failed = try await allowed("{\"usd\":0}") { throw refusal(503) }
        #expect(failed.context.gauges[.spendingAllowed] == [])
        #expect(failed.context.remarks.count == 1)
    }

    @Test("an account that may not consume is not allowed to spend, whatever its balances")
    func canConsume() throws {
        let stopped = try VeniceBalance.gauges(
            veniceAnswer("{\"canConsume\":false,\"balances\":{\"usd\":0.42,\"diem\":null}}"))
        #expect(stopped[.spendingAllowed] == [GaugeSample([""], 0)])
        #expect(stopped[.balanceUSD] == [GaugeSample([], 0.42)])
        // A balance may dip slightly below 0.
        let below = try VeniceBalance.gauges(veniceAnswer("{\"balances\":{\"usd\":\"-0.003\",\"diem\":-0.01}}"))
        #expect(below[.balanceUSD] == [GaugeSample([], -0.003)])
        #expect(below[.balanceCredits] == [GaugeSample(["diem"], -0.01)])
    }

    @Test("fields beside the balances that cannot be decoded are skipped with a remark")
    func decoration() async throws {
        let body = """
            {"canConsume":"maybe","diemEpochAllocation":"lots","balances":{"usd":1}}
            """
        let context = KeptVisit(now: try moment("2026-06-15T10:00:00Z"))
        try await VeniceBalanceSource(api: ScriptedVenice { _, _ in veniceAnswer(body) }).sync(context)
        #expect(context.gauges[.balanceUSD] == [GaugeSample([], 1)])
        #expect(context.gauges[.spendingAllowed] == [])
        #expect(context.gauges[.balanceAllocation] == [])
        #expect(context.remarks.count == 2)
        for allocation in ["0", "-1", "null"] {
            let none = try VeniceBalance.gauges(
                veniceAnswer("{\"diemEpochAllocation\":\(allocation),\"balances\":{\"usd\":1}}"))
            #expect(none[.balanceAllocation] == [])
        }
    }
}

/// Tests that `rate_limits` reports balances only for a key that cannot read `balance`.
@Suite struct VeniceBalanceAccessTests {
    private static let limits = """
        {"data":{"accessPermitted":false,"balances":{"USD":1.5,"DIEM":"2","BUNDLED_CREDITS":null,"earnedCredits":3,
        "VCU":null},"rateLimits":[]}}
        """

    private func sync(
        _ balance: Int, _ limits: String = limits, at now: Timestamp, after earlier: KeptVisit? = nil
    ) async throws -> (context: KeptVisit, requests: Int) {
        let api = ScriptedVenice(incidental: { _ in
            guard balance == 200 else { throw refusal(balance) }
            return veniceAnswer("{\"balances\":{\"usd\":9}}")
        }) { _, _ in
            veniceAnswer(limits)
        }
        let context = KeptVisit(now: now, after: earlier)
        try await VeniceRateLimitsSource(api: api).sync(context)
        return (context, api.incidentalPaths.count)
    }

    @Test("a refused key shows its own balances, and is tried again after six hours", arguments: [401, 403, 404])
    func refused(status: Int) async throws {
        let now = try moment("2026-06-15T10:00:00Z")
        let first = try await sync(status, at: now)
        #expect(first.requests == 1)
        #expect(first.context.gauges[.balanceUSD] == [GaugeSample([], 1.5)])
        #expect(
            first.context.gauges[.balanceCredits] == [
                GaugeSample(["bundled_credits"], 0), GaugeSample(["diem"], 2), GaugeSample(["earned_credits"], 3),
            ])
        #expect(first.context.gauges[.spendingAllowed] == [GaugeSample(["api_key"], 0)])
        let second = try await sync(status, at: now + .hours(5), after: first.context)
        #expect(second.requests == 0)
        #expect(second.context.gauges[.balanceUSD] == [GaugeSample([], 1.5)])
        // Balances that cannot be decoded do not replace the last ones.
        let broken = Self.limits.replacing("\"2\"", with: "\"∞\"")
        let third = try await sync(status, broken, at: now + .hours(5), after: second.context)
        #expect(third.context.gauges[.balanceUSD] == [GaugeSample([], 1.5)])
        // The key was given more rights.
        let fourth = try await sync(200, at: now + .hours(6), after: third.context)
        #expect(fourth.requests == 1)
        #expect(fourth.context.gauges[.balanceUSD] == [])
        #expect(try await sync(401, at: now + .hours(13), after: fourth.context).requests == 0)
    }

    @Test("an account whose balance is readable, or fails for another reason, has no second one")
    func readable() async throws {
        let now = try moment("2026-06-15T10:00:00Z")
        for status in [200, 500, 429] {
            let first = try await sync(status, at: now)
            #expect(first.context.gauges[.balanceUSD] == [])
            #expect(first.context.gauges[.balanceCredits] == [])
            let again = try await sync(status, at: now + .minutes(5), after: first.context)
            #expect(again.requests == (status == 200 ? 0 : 1))
        }
    }
}
