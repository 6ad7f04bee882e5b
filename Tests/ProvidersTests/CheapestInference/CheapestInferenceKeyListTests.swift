import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of `GET /api/keys`, in both published versions.
@Suite struct CheapestInferenceKeyListTests {
    private static let path = "/api/keys"
    private static let secret = "sk-secret-of-the-list"

    /// The example responses in the documentation, with secrets.
    private static let older = """
        [ { "id": "clx1abc", "name": "prod-key", "keyPlan": "standard", "keyType": "subscription", "isActive": true,
        "subscriptionStatus": "active", "subscriptionExpiresAt": "2026-05-05T10:00:00.000Z",
        "createdAt": "2026-01-15T10:00:00.000Z" },
        { "id": "clx2def", "name": "mobile-app", "keyPlan": "credits", "keyType": "credit", "isActive": true,
        "createdAt": "2026-01-20T14:30:00.000Z" } ]
        """
    private static let newer = """
        { "success": true, "data": [ { "id": "clx1abc", "name": "prod-key", "keyPlan": "pool",
        "keyType": "subscription", "apiKey": "\(secret)", "isActive": true, "subscriptionId": "sub-uuid",
        "subscriptionStatus": "active", "subscriptionExpiresAt": "2026-05-05T10:00:00.000Z",
        "createdAt": "2026-01-15T10:00:00.000Z", "lastUsedAt": "2026-01-20T08:00:00.000Z" },
        { "id": "clx2def", "name": "mobile-app", "keyPlan": "credits", "keyType": "credit", "apiKey": "\(secret)",
        "isActive": false, "subscriptionId": null, "subscriptionStatus": null, "subscriptionExpiresAt": "",
        "createdAt": "2026-01-20T14:30:00.000Z", "lastUsedAt": "" } ] }
        """

    private func read(
        _ bench: CheapestInferenceBench, ids: [String] = [], readDirectly: Set<String> = []
    ) async throws {
        try await CheapestInferenceKeyListSource(api: bench, keyIDs: ids, readDirectly: readDirectly).sync(bench)
    }

    private func read(_ body: String) async throws -> CheapestInferenceBench {
        let bench = CheapestInferenceBench()
        bench.answer(Self.path, body)
        try await read(bench)
        return bench
    }

    private func expectNoSecret(_ bench: CheapestInferenceBench, _ other: String = "") {
        let stored = bench.memories.map { "\($0)" } + bench.samples.flatMap(\.labels)
        for text in stored + bench.remarks + [other] {
            let isShown = text.contains("sk-")
            #expect(!isShown, "\(text)")
        }
    }

    @Test("the newer form is mapped field by field, without the keys themselves")
    func newerExample() async throws {
        let bench = try await read(Self.newer)
        #expect(
            bench.shown(.keyInfo) == [
                GaugeSample(["prod-key", "clx1abc", "subscription"], 1),
                GaugeSample(["mobile-app", "clx2def", "credit"], 1),
            ])
        #expect(bench.shown(.keyActive) == [GaugeSample(["prod-key"], 1), GaugeSample(["mobile-app"], 0)])
        #expect(bench.shown(.spendingAllowed) == [GaugeSample(["mobile-app"], 0)])
        // 2026-01-20T08:00:00Z, 2026-05-05T10:00:00Z
        #expect(bench.shown(.keyLastUsed) == [GaugeSample(["prod-key"], 1_768_896_000)])
        #expect(bench.shown(.keyExpiry) == [GaugeSample(["prod-key"], 1_777_975_200)])
        #expect(bench.shown(.planExpiry) == bench.shown(.keyExpiry))
        // 2026-01-15T10:00:00Z, 2026-01-20T14:30:00Z
        #expect(
            bench.shown(.keyCreated) == [
                GaugeSample(["prod-key"], 1_768_471_200), GaugeSample(["mobile-app"], 1_768_919_400),
            ])
        #expect(bench.shown(.planInfo).isEmpty && bench.cells.isEmpty && bench.remarks.isEmpty)
        expectNoSecret(bench)
    }

    @Test("the older form has no last use")
    func olderExample() async throws {
        let bench = try await read(Self.older)
        #expect(bench.shown(.keyInfo).count == 2)
        #expect(bench.shown(.keyActive) == [GaugeSample(["prod-key"], 1), GaugeSample(["mobile-app"], 1)])
        #expect(bench.shown(.keyExpiry) == [GaugeSample(["prod-key"], 1_777_975_200)])
        #expect(bench.shown(.keyLastUsed).isEmpty && bench.shown(.spendingAllowed).isEmpty && bench.remarks.isEmpty)
    }

    @Test("whether a key can be used is left to the source that reads it directly")
    func readDirectly() async throws {
        let bench = CheapestInferenceBench()
        bench.answer(Self.path, Self.newer)
        try await read(bench, readDirectly: ["mobile-app"])
        #expect(bench.shown(.keyActive) == [GaugeSample(["prod-key"], 1)])
        #expect(bench.shown(.spendingAllowed).isEmpty)
        #expect(bench.shown(.keyCreated).count == 2)
    }

    @Test("only the configured ids are reported, and a deleted key is not")
    func ids() async throws {
        let bench = CheapestInferenceBench()
        bench.answer(Self.path, Self.newer, "[]")
        try await read(bench, ids: ["clx2def"])
        #expect(bench.shown(.keyCreated).map(\.labels) == [["mobile-app"]])
        try await read(bench, ids: ["clx2def"])
        #expect(bench.samples.isEmpty)
    }

    @Test("keys with one name have distinct labels, and a renamed key keeps its own")
    func labels() async throws {
        func item(_ id: String, _ name: String, _ created: String) -> String {
            #"{"id":"\#(id)","name":"\#(name)","createdAt":"\#(created)"}"#
        }
        let bench = CheapestInferenceBench()
        bench.answer(
            Self.path, "[\(item("b", "web", "2026-03-20")),\(item("a", "web", "2026-03-10"))]",
            "[\(item("b", "web", "2026-03-20")),\(item("a", "site", "2026-03-10")),\(item("a", "x", "2026-03-10"))]")
        for _ in 0..<2 {
            try await read(bench)
            #expect(Set(bench.shown(.keyCreated).map(\.labels)) == [["web"], ["web (b)"]])
        }
    }

    @Test("fields that cannot be read are absent, and remarks quote nothing")
    func decorations() async throws {
        let bench = try await read(
            """
            [{"id":1,"name":"a","keyType":null,"isActive":"\(Self.secret)","createdAt":"\(Self.secret)",
            "lastUsedAt":{"\(Self.secret)":1},"subscriptionExpiresAt":null,"apiKey":{"a":[1]}},{"apiKey":"x"}]
            """)
        #expect(bench.samples.isEmpty)
        #expect(bench.remarks.count == 3)
        expectNoSecret(bench)
    }

    @Test(
        "a response of another form is a failure that quotes nothing",
        arguments: [
            "{}", "3", #"{"error":"sk-1"}"#, #"{"success":false,"error":"sk-1"}"#, #"{"success":true,"data":null}"#,
            #"["sk-1"]"#, #"{"success":true,"data":{"apiKey":"sk-1"}}"#, #"[{"id":{"sk-1":1}}]"#,
            #"{"success":true,"data":[{"apiKey":"sk-1","id""#,
        ])
    func otherForms(body: String) async throws {
        let bench = try await read(Self.newer)
        let other = CheapestInferenceBench()
        other.answer(Self.path, body)
        let failure = await #expect(throws: SourceFailure.self) {
            try await CheapestInferenceKeyListSource(api: other, keyIDs: []).sync(bench)
        }
        #expect(failure?.reason == .decode)
        #expect(bench.shown(.keyInfo).count == 2)
        expectNoSecret(bench, failure?.message ?? "")
    }

    @Test("the text of an error response is not reported")
    func errorText() async throws {
        let bench = CheapestInferenceBench()
        bench.fail(Self.path, 500, .http5xx, saying: "cannot decrypt \(Self.secret)")
        let failure = await #expect(throws: UpstreamFailure.self) { try await read(bench) }
        #expect(failure?.message == "HTTP 500" && failure?.apiMessage == nil && failure?.reason == .http5xx)
    }

    @Test("a missing endpoint is not a failure, unless there are figures of an earlier response")
    func missing() async throws {
        let bench = CheapestInferenceBench()
        bench.fail(Self.path, 404, .http4xx)
        bench.answer(Self.path, Self.newer)
        bench.fail(Self.path, 404, .http4xx)
        try await read(bench)
        #expect(bench.samples.isEmpty)
        try await read(bench)
        await #expect(throws: UpstreamFailure.self) { try await read(bench) }
        #expect(bench.shown(.keyLastUsed).count == 1)
    }
}
