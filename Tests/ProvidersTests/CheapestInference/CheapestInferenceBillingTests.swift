import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of the balance, the top-ups and the subscriptions, in both published versions.
@Suite struct CheapestInferenceBillingTests {
    private static let creditsPath = "/api/billing/credits"
    private static let statusPath = "/api/billing/status"

    /// The example responses in the documentation, verbatim.
    private static let olderCredits =
        #"{ "totalTopUp": "100.00", "remaining": "74.50", "hasCreditKey": true, "creditKeyId": "clx3ghi..."}"#
    private static let newerCredits = """
        { "success": true, "data": { "totalTopUp": 100, "remaining": 74.50, "hasCreditKey": true, "creditKeyCount": 2,
        "userId": "ci_user_xxx" } }
        """
    private static let olderStatus = """
        { "subscriptions": [ { "id": "sub_uuid", "planSlug": "pro", "status": "active",
        "currentPeriodEnd": "2026-05-05T10:00:00.000Z", "cancelAtPeriodEnd": false, "keyCount": 2,
        "keys": [ { "id": "key_uuid", "name": "prod-api" }, { "id": "key_uuid", "name": "staging" } ] } ],
        "creditBalance": "25.00", "legacySubscriptionKeys": [] }
        """
    private static let newerStatus = """
        { "success": true, "data": { "subscriptions": [], "poolPledges": [ { "id": "pledge_uuid",
        "poolId": "pool_uuid", "poolSlug": "kimi26", "status": "active",
        "currentPeriodEnd": "2026-05-23T15:55:16.220Z", "cancelAtPeriodEnd": true, "hasKey": true } ], "plan": null,
        "status": "active", "creditBalance": 25.00, "stripeCustomerId": "cus_xxx", "subscriptionExpiresAt": null,
        "legacySubscriptionKeys": [] } }
        """

    private func credits(_ bench: CheapestInferenceBench) async throws {
        try await CheapestInferenceCreditsSource(api: bench).sync(bench)
    }

    private func credits(_ body: String) async throws -> CheapestInferenceBench {
        let bench = CheapestInferenceBench()
        bench.answer(Self.creditsPath, body)
        try await credits(bench)
        return bench
    }

    private func status(_ bench: CheapestInferenceBench) async throws {
        try await CheapestInferenceBillingSource(api: bench).sync(bench)
    }

    private func status(_ body: String) async throws -> CheapestInferenceBench {
        let bench = CheapestInferenceBench()
        bench.answer(Self.statusPath, body)
        try await status(bench)
        return bench
    }

    /// A status with these pledges: slug, status, end, and whether it is canceled.
    private func pledges(_ pledges: [(String, String, String, Bool?)]) -> String {
        let items = pledges.map { slug, status, end, cancels in
            let cancellation = cancels.map { #","cancelAtPeriodEnd":\#($0)"# } ?? ""
            return #"{"poolSlug":"\#(slug)","status":"\#(status)","currentPeriodEnd":"\#(end)"\#(cancellation)}"#
        }
        return #"{"subscriptions":[],"poolPledges":[\#(items.joined(separator: ","))]}"#
    }

    @Test("both forms of the credits have the balance, and their total is the base of the top-ups")
    func creditsExamples() async throws {
        for body in [Self.olderCredits, Self.newerCredits] {
            let bench = try await credits(body)
            #expect(bench.shown(.balanceUSD) == [GaugeSample([], 74.5)])
            #expect(bench.cells == [Cell(.topups, [], .zero)])
            #expect(bench.remarks.isEmpty)
            #expect(!bench.memories.values.contains { $0.contains("ci_user") || $0.contains("clx3") })
        }
    }

    @Test(
        "the balance may be a number or text",
        arguments: [
            (#"{"remaining":12.5}"#, 12.5), (#"{"remaining":"12.50"}"#, 12.5),
            (#"{"success":true,"data":{"remaining":"-0.25"}}"#, -0.25),
        ])
    func balance(body: String, balance: Double) async throws {
        #expect(try await credits(body).shown(.balanceUSD) == [GaugeSample([], balance)])
    }

    @Test("only a rise of the total is a top-up, also across the two forms and a restart")
    func topUps() async throws {
        let bench = CheapestInferenceBench()
        bench.answer(
            Self.creditsPath, Self.newerCredits, #"{"totalTopUp":"150.25","remaining":"124.75"}"#,
            #"{"remaining":124}"#, #"{"totalTopUp":null,"remaining":124}"#, #"{"totalTopUp":"","remaining":123}"#,
            #"{"totalTopUp":100,"remaining":73}"#, #"{"totalTopUp":-5,"remaining":73}"#,
            #"{"totalTopUp":150.25,"remaining":122}"#, #"{"totalTopUp":160.25,"remaining":132}"#)
        var counted: [ExactDecimal] = []
        for _ in 0..<9 {
            try await credits(bench)
            counted += bench.cells.map(\.value)
            bench.advance(by: .minutes(5))
        }
        let first = try #require(ExactDecimal("50.25"))
        #expect(counted == [.zero] + Array(repeating: first, count: 7) + [first + ExactDecimal(10)])
        #expect(bench.shown(.balanceUSD) == [GaugeSample([], 132)])
        // Only the empty text is unexpected.
        #expect(bench.remarks.count == 1)
    }

    @Test("a response without a total has no series of top-ups")
    func noTotal() async throws {
        #expect(try await credits(#"{"remaining":1}"#).cells.isEmpty)
    }

    @Test(arguments: ["{}", #"{"remaining":null}"#, #"{"error":"x"}"#, #"{"success":false,"error":"x"}"#])
    func responseWithoutCreditsFailsAndKeepsTheBalance(body: String) async throws {
        let bench = try await credits(Self.newerCredits)
        let other = CheapestInferenceBench()
        other.answer(Self.creditsPath, body)
        await #expect(throws: SourceFailure.self) { try await CheapestInferenceCreditsSource(api: other).sync(bench) }
        #expect(bench.shown(.balanceUSD) == [GaugeSample([], 74.5)])
    }

    @Test("a subscription with several keys belongs to none of them")
    func olderStatusExample() async throws {
        let bench = try await status(Self.olderStatus)
        #expect(bench.shown(.planInfo) == [GaugeSample(["", "pro", "active"], 1)])
        // 2026-05-05T10:00:00Z
        #expect(bench.shown(.planExpiry) == [GaugeSample([""], 1_777_975_200)])
        #expect(bench.shown(.planRenews) == [GaugeSample(["", "pro"], 1)])
        #expect(bench.remarks.isEmpty)
    }

    @Test("a subscription with one key has its name as label")
    func onlyKey() async throws {
        let bench = try await status(
            Self.olderStatus.replacing(#"{ "id": "key_uuid", "name": "staging" }"#, with: "")
                .replacing(#""prod-api" }, "#, with: #""prod-api" } "#).replacing(
                    #""keyCount": 2"#, with: #""keyCount": 1"#))
        #expect(bench.shown(.planInfo) == [GaugeSample(["prod-api", "pro", "active"], 1)])
        #expect(bench.shown(.planExpiry) == [GaugeSample(["prod-api"], 1_777_975_200)])
        #expect(bench.shown(.planRenews) == [GaugeSample(["prod-api", "pro"], 1)])
    }

    @Test("a pledge to a pool is mapped field by field, bare and in the envelope")
    func newerStatusExample() async throws {
        let bare = Self.newerStatus.replacing(#"{ "success": true, "data": "#, with: "").replacing("] } }", with: "] }")
        for body in [Self.newerStatus, bare] {
            let bench = try await status(body)
            #expect(bench.shown(.planInfo) == [GaugeSample(["", "kimi26", "active"], 1)])
            // 2026-05-23T15:55:16.220Z
            #expect(bench.shown(.planExpiry) == [GaugeSample([""], 1_779_551_716.22)])
            #expect(bench.shown(.planRenews) == [GaugeSample(["", "kimi26"], 0)])
            #expect(bench.shown(.balanceUSD).isEmpty)
        }
    }

    @Test("the expiry is the earliest end of an active plan, or else the last end")
    func expiry() async throws {
        // 2026-05-01, 2026-06-01 and 2026-02-01, midnight.
        let (may, june, february) = (1_777_593_600.0, 1_780_272_000.0, 1_769_904_000.0)
        let ended = ("a", "canceled", "2026-02-01", true) as (String, String, String, Bool?)
        let plans = [ended, ("b", "active", "2026-06-01", false), ("c", "active", "2026-05-01", nil)]
        #expect(try await status(pledges(plans)).shown(.planExpiry) == [GaugeSample([""], may)])
        #expect(try await status(pledges([ended])).shown(.planExpiry) == [GaugeSample([""], february)])
        let late = [ended, ("b", "past_due", "2026-06-01", false)] as [(String, String, String, Bool?)]
        #expect(try await status(pledges(late)).shown(.planExpiry) == [GaugeSample([""], june)])
        let dateless = try await status(pledges([("a", "active", "", false)]))
        #expect(dateless.shown(.planExpiry).isEmpty && dateless.remarks.isEmpty)
        #expect(dateless.shown(.planInfo).count == 1)
    }

    @Test("a plan renews if none of its running subscriptions is canceled")
    func renewal() async throws {
        func renews(_ plans: [(String, String, String, Bool?)]) async throws -> Double? {
            try await status(pledges(plans)).shown(.planRenews).first?.value
        }
        #expect(try await renews([("a", "active", "2026-05-01", false)]) == 1)
        #expect(try await renews([("a", "active", "2026-05-01", nil)]) == nil)
        #expect(try await renews([("a", "active", "2026-05-01", true)]) == 0)
        // Canceled but paid until its end.
        #expect(try await renews([("a", "canceled", "2026-05-01", true)]) == 0)
        #expect(try await renews([("a", "canceled", "2026-02-01", true)]) == 0)
        #expect(try await renews([("a", "canceled", "2026-02-01", false)]) == nil)
        // Canceled, and subscribed again.
        #expect(
            try await renews([("a", "canceled", "2026-02-01", true), ("a", "active", "2026-05-01", false)]) == 1)
        #expect(try await renews([("a", "active", "2026-05-01", false), ("a", "active", "2026-06-01", true)]) == 0)
    }

    @Test("the account's own plan counts if no list has it")
    func ownPlan() async throws {
        let own = #""plan":"pro","status":"active","subscriptionExpiresAt":"2026-05-01""#
        let bench = try await status(#"{"success":true,"data":{"subscriptions":[],"poolPledges":[],\#(own)}}"#)
        #expect(bench.shown(.planInfo) == [GaugeSample(["", "pro", "active"], 1)])
        #expect(bench.shown(.planExpiry) == [GaugeSample([""], 1_777_593_600)])
        let listed = try await status(
            #"{"subscriptions":[{"planSlug":"pro","status":"past_due","currentPeriodEnd":"2026-06-01"}],\#(own)}"#)
        #expect(listed.shown(.planInfo) == [GaugeSample(["", "pro", "past_due"], 1)])
        #expect(listed.shown(.planExpiry) == [GaugeSample([""], 1_780_272_000)])
        // The end of an old plan does not hide that of a pledge.
        let stale = #""plan":null,"status":"active","subscriptionExpiresAt":"2026-02-01""#
        let pledge = #"{"poolSlug":"kimi26","status":"active","currentPeriodEnd":"2026-05-01"}"#
        let both = try await status(#"{"subscriptions":[],"poolPledges":[\#(pledge)],\#(stale)}"#)
        #expect(both.shown(.planExpiry) == [GaugeSample([""], 1_777_593_600)])
    }

    @Test("fields that cannot be read are absent, with remarks")
    func decorations() async throws {
        let bench = try await status(
            """
            {"subscriptions":[{"planSlug":"pro","status":{},"currentPeriodEnd":"never","cancelAtPeriodEnd":"maybe",
            "keyCount":"two","keys":"none"},{"planSlug":""},{}],"poolPledges":null,"plan":[]}
            """)
        #expect(bench.shown(.planInfo) == [GaugeSample(["", "pro", ""], 1)])
        #expect(bench.shown(.planExpiry).isEmpty && bench.shown(.planRenews).isEmpty)
        #expect(bench.remarks.count == 6)
    }

    @Test("an account without subscriptions has no series")
    func noSubscriptions() async throws {
        for body in [
            #"{"subscriptions":[],"creditBalance":"25.00"}"#, #"{"success":true,"data":{"creditBalance":1}}"#,
        ] {
            let bench = try await status(body)
            #expect(bench.samples.isEmpty)
        }
    }

    @Test(
        arguments: [
            "{}", "[]", "3", #"{"error":"x"}"#, #"{"status":500,"message":"x"}"#, #"{"success":false,"data":{}}"#,
            #"{"success":true,"data":null}"#,
        ])
    func statusOfAnotherFormIsAFailure(body: String) async throws {
        let bench = try await status(Self.newerStatus)
        let other = CheapestInferenceBench()
        other.answer(Self.statusPath, body)
        await #expect(throws: SourceFailure.self) { try await CheapestInferenceBillingSource(api: other).sync(bench) }
        #expect(bench.shown(.planInfo).count == 1)
    }

    @Test("missing and forbidden endpoints are not failures, unless there are figures of an earlier response")
    func optional() async throws {
        for (status, reason) in [(404, FailureReason.http4xx), (403, .auth)] {
            let bench = CheapestInferenceBench()
            for (path, example) in [(Self.creditsPath, Self.newerCredits), (Self.statusPath, Self.newerStatus)] {
                bench.fail(path, status, reason)
                bench.answer(path, example)
                bench.fail(path, status, reason)
            }
            try await credits(bench)
            try await self.status(bench)
            #expect(bench.samples.isEmpty)
            #expect(bench.remarks.count == (status == 403 ? 2 : 0))
            try await credits(bench)
            try await self.status(bench)
            await #expect(throws: UpstreamFailure.self) { try await credits(bench) }
            await #expect(throws: UpstreamFailure.self) { try await self.status(bench) }
            #expect(bench.shown(.balanceUSD).count == 1 && bench.shown(.planInfo).count == 1)
        }
    }
}
