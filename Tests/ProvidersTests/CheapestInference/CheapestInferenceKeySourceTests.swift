import Testing
import UsageModel
import Upstream

@testable import Providers

@Suite struct CheapestInferenceKeySourceTests {
    /// The example response in the documentation, verbatim.
    static let example = """
        {
        "budget": {
        "spent": 1.23,
        "limit": 10.0,
        "duration": "30d",
        "resets_at": "2026-02-15T10:00:00.000Z"
        },
        "rate_limits": {
        "rpm": 60,
        "tpm": 3333
        },
        "plan": {
        "slug": "standard",
        "status": "active",
        "expires_at": "2026-02-15T10:00:00.000Z"
        },
        "credits": {
        "balance": 5.0
        },
        "key": {
        "name": "prod-key",
        "type": "subscription",
        "created_at": "2026-01-15T10:00:00.000Z"
        }
        }
        """

    private static let path = "/v1/usage"
    // 2026-02-15T10:00:00Z and 2026-01-15T10:00:00Z
    private static let reset = 1_771_149_600.0
    private static let created = 1_768_471_200.0

    private func read(_ bench: CheapestInferenceBench, keys: [String] = ["prod"]) async throws {
        try await CheapestInferenceKeySource(keys: keys.map { .init(name: $0, api: bench) }).sync(bench)
    }

    private func read(_ bodies: String...) async throws -> CheapestInferenceBench {
        let bench = CheapestInferenceBench()
        for body in bodies { bench.answer(Self.path, body) }
        for _ in bodies { try await read(bench) }
        return bench
    }

    private func expectExample(_ bench: CheapestInferenceBench) throws {
        let spent = try #require(ExactDecimal("1.23"))
        #expect(
            bench.cells == [
                Cell(.cost, ["prod", ""], spent), Cell(.keyCost, ["prod"], spent),
            ])
        #expect(bench.shown(.budgetSpent) == [GaugeSample(["prod", "key"], 1.23)])
        #expect(bench.shown(.budgetLimit) == [GaugeSample(["prod", "key"], 10)])
        #expect(bench.shown(.budgetPeriod) == [GaugeSample(["prod", "key"], 2_592_000)])
        #expect(bench.shown(.budgetReset) == [GaugeSample(["prod", "key"], Self.reset)])
        #expect(bench.shown(.rateLimitRequestsPerMinute) == [GaugeSample(["prod", ""], 60)])
        #expect(bench.shown(.rateLimitTokensPerMinute) == [GaugeSample(["prod", ""], 3333)])
        #expect(bench.shown(.planInfo) == [GaugeSample(["prod", "standard", "active"], 1)])
        #expect(bench.shown(.planExpiry) == [GaugeSample(["prod"], Self.reset)])
        #expect(bench.shown(.balanceUSD) == [GaugeSample([], 5)])
        #expect(bench.shown(.keyInfo) == [GaugeSample(["prod", "", "subscription"], 1)])
        #expect(bench.shown(.keyCreated) == [GaugeSample(["prod"], Self.created)])
        #expect(bench.shown(.keyActive) == [GaugeSample(["prod"], 1)])
    }

    @Test func exampleOfTheDocumentationIsMappedFieldByField() async throws {
        try expectExample(try await read(Self.example))
    }

    @Test func exampleInTheEnvelopeIsTheSame() async throws {
        try expectExample(try await read("{\"success\":true,\"data\":\(Self.example)}"))
    }

    @Test func numbersAsTextAreTheSame() async throws {
        let text = Self.example.replacing("1.23", with: "\"1.230\"").replacing("10.0", with: "\"10\"")
            .replacing("60,", with: "\"60\",").replacing("3333", with: "\"3333\"").replacing("5.0", with: "\"5\"")
        try expectExample(try await read(text))
    }

    @Test func nullAndMissingFieldsAreAbsentSeries() async throws {
        let bench = try await read(
            """
            {"budget":{"spent":0,"limit":null,"duration":"1mo"},"plan":{"slug":null,"status":null},"credits":null,
            "key":{"name":null,"type":"credit"},"news":[1,{"a":null}]}
            """)
        #expect(bench.cells == [Cell(.cost, ["prod", ""], .zero), Cell(.keyCost, ["prod"], .zero)])
        #expect(bench.shown(.keyInfo) == [GaugeSample(["prod", "", "credit"], 1)])
        #expect(bench.shown(.keyActive) == [GaugeSample(["prod"], 1)])
        for family in [
            GaugeFamily.budgetLimit, .budgetReset, .budgetPeriod, .rateLimitRequestsPerMinute,
            .rateLimitTokensPerMinute, .planInfo, .planExpiry, .keyCreated, .balanceUSD,
        ] {
            #expect(bench.shown(family).isEmpty, "\(family)")
        }
    }

    @Test(arguments: [
        #"{"budget":{"limit":5}}"#, #"{"budget":null,"credits":{"balance":1}}"#, #"{"budget":{"spent":-3}}"#,
    ])
    func implausibleSpentYieldsNoCost(body: String) async throws {
        #expect(try await read(body).cells.isEmpty)
    }

    @Test(arguments: ["{}", #"{"message":"hello"}"#, #"{"success":false,"error":"sk_live_123"}"#, "[]", "3"])
    func responseOfAnotherFormIsAFailureThatQuotesNothing(body: String) async throws {
        let failure = await #expect(throws: SourceFailure.self) { _ = try await read(body) }
        #expect(failure?.reason == .decode)
        #expect(failure?.message.contains("sk_live") == false)
    }

    @Test func failingKeyIsNamedAndDoesNotAffectOthers() async throws {
        let bench = CheapestInferenceBench()
        let other = CheapestInferenceBench()
        other.fail(Self.path, 401, .auth)
        bench.answer(Self.path, Self.example)
        let source = CheapestInferenceKeySource(keys: [.init(name: "old", api: other), .init(name: "prod", api: bench)])
        let failure = await #expect(throws: PartialFailure.self) { try await source.sync(bench) }
        #expect(failure?.reason == .auth)
        #expect(failure?.message == "key old: HTTP 401")
        try expectExample(bench)
    }

    @Test func keyThatFailsLaterKeepsItsFigures() async throws {
        let bench = CheapestInferenceBench()
        let other = CheapestInferenceBench()
        bench.answer(Self.path, Self.example)
        other.answer(Self.path, Self.example)
        other.fail(Self.path, 502, .http5xx)
        let source = CheapestInferenceKeySource(keys: [.init(name: "a", api: other), .init(name: "prod", api: bench)])
        try await source.sync(bench)
        let before = (bench.cells, bench.shown(.budgetSpent), bench.shown(.keyActive))
        await #expect(throws: PartialFailure.self) { try await source.sync(bench) }
        #expect(before == (bench.cells, bench.shown(.budgetSpent), bench.shown(.keyActive)))
        #expect(bench.shown(.keyActive).count == 2)
    }

    @Test func syncFailsIfEveryKeyFails() async throws {
        let bench = CheapestInferenceBench()
        bench.fail(Self.path, 404, .http4xx)
        let failure = await #expect(throws: UpstreamFailure.self) { try await read(bench, keys: ["a", "b"]) }
        #expect(failure?.message == "key a: HTTP 404")
        #expect(bench.asked.count == 2)
    }

    @Test func deactivatedKeyIsNotAFailure() async throws {
        let bench = CheapestInferenceBench()
        bench.answer(Self.path, Self.example)
        bench.fail(Self.path, 403, .auth)
        bench.answer(Self.path, Self.example)
        try await read(bench)
        try await read(bench)
        #expect(bench.shown(.keyActive) == [GaugeSample(["prod"], 0)])
        #expect(bench.shown(.spendingAllowed) == [GaugeSample(["prod"], 0)])
        #expect(bench.shown(.budgetSpent) == [GaugeSample(["prod", "key"], 1.23)])
        // It is active again.
        try await read(bench)
        #expect(bench.shown(.keyActive) == [GaugeSample(["prod"], 1)])
        #expect(bench.shown(.spendingAllowed).isEmpty)
    }

    @Test(
        "spending is refused if the plan has ended, and unknown otherwise",
        arguments: [
            (#""slug":"pro","status":"expired","expires_at":"2026-03-31T00:00:00Z""#, true),
            (#""slug":"pro","status":"Expired","expires_at":"""#, true), (#""status":"canceled""#, true),
            // Paid until its end; contradictory; not documented.
            (#""slug":"pro","status":"canceled","expires_at":"2026-05-01T00:00:00Z""#, false),
            (#""slug":"pro","status":"active","expires_at":"2026-03-01T00:00:00Z""#, false),
            (#""slug":"pro","status":"past_due""#, false), (#""slug":null,"status":null"#, false),
        ])
    func endedPlan(plan: String, isRefused: Bool) async throws {
        let bench = try await read(#"{"budget":{"spent":1},"plan":{\#(plan)}}"#)
        #expect(bench.shown(.spendingAllowed) == (isRefused ? [GaugeSample(["prod"], 0)] : []))
        #expect(bench.shown(.keyActive) == [GaugeSample(["prod"], 1)])
    }

    @Test("empty text for a date means that there is none, without a remark")
    func emptyDates() async throws {
        let bench = try await read(
            """
            {"success":true,"data":{"budget":{"spent":"2.50","limit":null,"duration":"8h","resets_at":""},
            "plan":{"slug":"pool","status":"active","expires_at":" "},"key":{"type":"subscription","created_at":""}}}
            """)
        #expect(bench.shown(.budgetSpent) == [GaugeSample(["prod", "key"], 2.5)])
        #expect(bench.shown(.budgetPeriod) == [GaugeSample(["prod", "key"], 28_800)])
        #expect(bench.shown(.planInfo) == [GaugeSample(["prod", "pool", "active"], 1)])
        for family in [GaugeFamily.budgetLimit, .budgetReset, .planExpiry, .keyCreated] {
            #expect(bench.shown(family).isEmpty, "\(family)")
        }
        #expect(bench.remarks.isEmpty)
    }

    @Test("a date that cannot be read is absent, with a remark")
    func unreadableDate() async throws {
        let bench = try await read(#"{"budget":{"spent":2,"resets_at":"soon"}}"#)
        #expect(bench.shown(.budgetSpent) == [GaugeSample(["prod", "key"], 2)])
        #expect(bench.shown(.budgetReset).isEmpty)
        #expect(bench.remarks.count == 1 && bench.remarks.first?.contains("budget.resets_at") == true)
    }

    @Test func firewallPageDoesNotDeactivateTheKey() async throws {
        let bench = CheapestInferenceBench()
        // A firewall in front of the API blocks the client, which is not an authentication failure.
        bench.fail(Self.path, 403, .http4xx)
        await #expect(throws: UpstreamFailure.self) { try await read(bench) }
        #expect(bench.shown(.keyActive).isEmpty)
    }

    @Test(
        arguments: [
            ("30d", 2_592_000), ("5h", 18_000), ("8h", 28_800), ("1h30m", 5400), ("90s", 90), ("2w", 1_209_600),
            ("1 d", 86_400),
            ("1mo", nil), ("", nil), ("30", nil), ("d", nil), ("-5h", nil), ("0s", nil), ("monthly", nil),
            ("99999999999999999999d", nil), ("9999999999w", nil), ("٣d", nil),
        ] as [(String, Int?)])
    func durationsOfFixedLengthAreParsed(text: String, seconds: Int?) {
        #expect(budgetDuration(text) == seconds.map { .seconds($0) })
    }
}
