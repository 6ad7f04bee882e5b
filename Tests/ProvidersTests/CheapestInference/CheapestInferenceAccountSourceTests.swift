import Testing
import UsageModel
import Upstream

@testable import Providers

@Suite struct CheapestInferenceAccountSourceTests {
    /// The item in the documentation's example, verbatim.
    static let item = """
        {
        "id": "key-uuid",
        "name": "user-alice",
        "type": "subscription",
        "plan": "pro",
        "isActive": true,
        "usage": {
        "last1h": { "requests": 3, "tokens": 8200, "promptTokens": 7800, "completionTokens": 400 },
        "last24h": { "requests": 45, "tokens": 128000, "promptTokens": 120000, "completionTokens": 8000 },
        "last7d": { "requests": 312, "tokens": 890000, "promptTokens": 840000, "completionTokens": 50000 },
        "last30d": { "requests": 1287, "tokens": 35895828, "promptTokens": 35634452, "completionTokens": 261376 }
        },
        "subscription": {
        "status": "active",
        "expiresAt": "2026-04-23T15:12:31.565Z"
        },
        "createdAt": "2026-03-05T13:29:01.800Z"
        }
        """

    private func read(_ bench: CheapestInferenceBench, ids: [String] = []) async throws {
        try await CheapestInferenceAccountSource(api: bench, keyIDs: ids).sync(bench)
    }

    private func read(_ body: String, history: Duration = .days(30)) async throws -> CheapestInferenceBench {
        let bench = CheapestInferenceBench(history: history)
        bench.answer("/api/usage", body)
        try await read(bench)
        return bench
    }

    private func expectExample(_ bench: CheapestInferenceBench) {
        let key = "user-alice"
        #expect(
            bench.cells == [
                Cell(.requests, [key, ""], ExactDecimal(1287)),
                Cell(.tokens, [key, "", "input"], ExactDecimal(35_634_452)),
                Cell(.tokens, [key, "", "output"], ExactDecimal(261_376)),
            ])
        #expect(
            bench.shown(.windowRequests) == [
                GaugeSample([key, "", "last_1h"], 3), GaugeSample([key, "", "last_24h"], 45),
                GaugeSample([key, "", "last_7d"], 312), GaugeSample([key, "", "last_30d"], 1287),
            ])
        #expect(
            bench.shown(.windowTokens) == [
                GaugeSample([key, "", "input", "last_1h"], 7800), GaugeSample([key, "", "output", "last_1h"], 400),
                GaugeSample([key, "", "input", "last_24h"], 120_000),
                GaugeSample([key, "", "output", "last_24h"], 8000),
                GaugeSample([key, "", "input", "last_7d"], 840_000),
                GaugeSample([key, "", "output", "last_7d"], 50_000),
                GaugeSample([key, "", "input", "last_30d"], 35_634_452),
                GaugeSample([key, "", "output", "last_30d"], 261_376),
            ])
        #expect(bench.shown(.planInfo) == [GaugeSample([key, "pro", "active"], 1)])
        // 2026-04-23T15:12:31.565Z
        #expect(bench.shown(.planExpiry) == [GaugeSample([key], 1_776_957_151.565)])
        #expect(bench.shown(.keyInfo) == [GaugeSample([key, "key-uuid", "subscription"], 1)])
        #expect(bench.shown(.keyActive) == [GaugeSample([key], 1)])
        // 2026-03-05T13:29:01.8Z
        #expect(bench.shown(.keyCreated) == [GaugeSample([key], 1_772_717_341.8)])
    }

    @Test func exampleOfTheDocumentationIsMappedFieldByField() async throws {
        expectExample(try await read("{\"success\":true,\"data\":[\(Self.item)]}"))
    }

    @Test func bareListEqualsTheEnvelope() async throws {
        expectExample(try await read("[\(Self.item)]"))
    }

    @Test(arguments: [true, false])
    func singleKeyEqualsTheListBareOrInTheEnvelope(wrapped: Bool) async throws {
        let bench = CheapestInferenceBench()
        bench.answer("/api/usage/key-uuid", wrapped ? "{\"success\":true,\"data\":\(Self.item)}" : Self.item)
        try await read(bench, ids: ["key-uuid"])
        expectExample(bench)
    }

    @Test func countingStartsWithTheLargestWindowWithinTheHistory() async throws {
        // Created long before, so that no window covers the key's whole lifetime.
        let old = Self.item.replacing("2026-03-05", with: "2025-03-05")
        for (history, requests) in [(40, 1287), (30, 1287), (29, 312), (7, 312), (6, 45), (1, 45)] {
            let bench = try await read("[\(old)]", history: .days(history))
            #expect(bench.cells.contains(Cell(.requests, ["user-alice", ""], ExactDecimal(requests))), "\(history)")
        }
    }

    @Test func keyCreatedAfterTheLedgersStartBeginsAtItsTrueTotal() async throws {
        let young = Self.item.replacing("2026-03-05", with: "2026-03-30")
        let bench = try await read("[\(young)]", history: .days(6))
        #expect(bench.cells.contains(Cell(.requests, ["user-alice", ""], ExactDecimal(1287))))
    }

    @Test func missingNullAbsurdAndTextualCountsAreHandled() async throws {
        let bench = try await read(
            """
            [{"id":7,"name":null,"isActive":"false","usage":{"last1h":null,"last24h":{"requests":"5","tokens":"12"},
            "last7d":{"requests":-4,"tokens":-9},"last30d":{"requests":9.0,"promptTokens":null}},
            "subscription":null,"extra":{}},{"usage":{"last1h":{"requests":1}}},{"id":"8"}]
            """)
        #expect(
            bench.cells == [
                Cell(.requests, ["7", ""], ExactDecimal(9)), Cell(.tokens, ["7", "", ""], ExactDecimal(12)),
            ])
        #expect(
            bench.shown(.windowRequests) == [
                GaugeSample(["7", "", "last_24h"], 5), GaugeSample(["7", "", "last_30d"], 9),
            ])
        #expect(bench.shown(.windowTokens) == [GaugeSample(["7", "", "", "last_24h"], 12)])
        #expect(bench.shown(.keyActive) == [GaugeSample(["7"], 0)])
        #expect(bench.shown(.keyInfo) == [GaugeSample(["7", "7", ""], 1), GaugeSample(["8", "8", ""], 1)])
        #expect(bench.shown(.planInfo).isEmpty && bench.shown(.planExpiry).isEmpty)
    }

    @Test func otherTokensHaveAnEmptyType() async throws {
        let bench = try await read("[\(Self.item.replacing("35895828", with: "35895928"))]")
        #expect(bench.cells.contains(Cell(.tokens, ["user-alice", "", ""], ExactDecimal(100))))
    }

    @Test func keysWithOneNameHaveDistinctAndStableLabels() async throws {
        func item(_ id: String, _ name: String, _ created: String, _ requests: Int) -> String {
            """
            {"id":"\(id)","name":"\(name)","createdAt":"\(created)","usage":{"last30d":{"requests":\(requests)}}}
            """
        }
        let bench = CheapestInferenceBench()
        bench.answer(
            "/api/usage", "[\(item("b", "web", "2026-03-20", 2)),\(item("a", "web", "2026-03-10", 1))]",
            // The older key is renamed, a third one gets its name, and one row repeats.
            """
            [\(item("a", "site", "2026-03-10", 1)),\(item("c", "web", "2026-03-29", 4)),
            \(item("b", "web", "2026-03-20", 2)),\(item("b", "web", "2026-03-20", 2))]
            """)
        try await read(bench)
        let first = [("web", 1), ("web (b)", 2)]
        #expect(bench.cells == Set(first.map { Cell(.requests, [$0, ""], ExactDecimal($1)) }))
        bench.advance(by: .hours(1))
        try await read(bench)
        #expect(bench.cells == Set((first + [("web (c)", 4)]).map { Cell(.requests, [$0, ""], ExactDecimal($1)) }))
    }

    @Test func leastRecentlyQueriedIDsComeFirstWithinTheQuota() async throws {
        let bench = CheapestInferenceBench()
        let ids = ["a", "b", "c"]
        for id in ids { bench.answer("/api/usage/" + id, Self.item.replacing("user-alice", with: id)) }
        bench.allow(2)
        try await read(bench, ids: ids)
        bench.advance(by: .hours(1))
        bench.allow(1)
        try await read(bench, ids: ids)
        bench.advance(by: .hours(1))
        bench.allow(1)
        try await read(bench, ids: ids)
        #expect(bench.asked == ["a", "b", "c", "a"].map { "/api/usage/" + $0 })
        #expect(bench.shown(.keyActive).count == 3)
        await #expect(throws: SyncPostponed.self) { try await read(bench, ids: ids) }
    }

    @Test func failureNamesTheUnknownIDAndDoesNotStopOthers() async throws {
        let bench = CheapestInferenceBench()
        bench.fail("/api/usage/gone", 404, .http4xx)
        bench.answer("/api/usage/here", Self.item)
        let failure = await #expect(throws: PartialFailure.self) { try await read(bench, ids: ["gone", "here"]) }
        #expect(failure?.reason == .http4xx)
        expectExample(bench)
    }

    @Test("whether a key can be used is left to the source that reads it directly")
    func readDirectly() async throws {
        let bench = CheapestInferenceBench()
        let other = Self.item.replacing("key-uuid", with: "other").replacing("user-alice", with: "bob")
            .replacing("true", with: "false")
        bench.answer("/api/usage", "[\(Self.item),\(other)]")
        try await CheapestInferenceAccountSource(api: bench, keyIDs: [], readDirectly: ["user-alice"]).sync(bench)
        #expect(bench.shown(.keyActive) == [GaugeSample(["bob"], 0)])
        #expect(bench.shown(.keyInfo).count == 2 && bench.shown(.planInfo).count == 2)
    }

    @Test("spending is refused if the subscription has ended")
    func endedSubscription() async throws {
        let ended = Self.item.replacing(#""status": "active""#, with: #""status": "expired""#)
            .replacing("2026-04-23", with: "2026-03-23")
        let bench = try await read("[\(ended)]")
        #expect(bench.shown(.spendingAllowed) == [GaugeSample(["user-alice"], 0)])
        #expect(try await read("[\(Self.item)]").shown(.spendingAllowed).isEmpty)
    }
}
