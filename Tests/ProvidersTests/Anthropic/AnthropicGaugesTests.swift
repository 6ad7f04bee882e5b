import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

@Suite struct AnthropicGaugesTests {
    @Test("keys: name, id, scope, whether active, creation and expiry, over pages; never the hint of the secret")
    func keys() async throws {
        let api = ScriptedAnthropic { call, _ in
            guard call.values("after_id") == ["apikey_2"] else {
                return """
                    {"data":[{"id":"apikey_1","name":"web","status":"active","created_at":"2026-01-02T00:00:00Z",
                    "expires_at":"2027-01-02T00:00:00Z","partial_key_hint":"sk-ant-api03-R2D...igAA","scope":"workspace",
                    "workspace_id":null},{"id":"apikey_2","name":"web","status":"archived","created_at":null,"expires_at":null}],
                    "first_id":"apikey_1","last_id":"apikey_2","has_more":true}
                    """
            }
            return
                #"{"data":[{"id":"apikey_3","name":null,"status":"expired","created_at":7}],"has_more":false,"last_id":"apikey_3"}"#
        }
        let visit = StoredVisit(now: anthropicNow)
        try await AnthropicKeysSource(api: api).sync(visit)
        let calls = api.takeCalls()
        #expect(calls.map { $0.values("limit") } == [["1000"], ["1000"]])
        #expect(calls.allSatisfy { $0.credentialField == .named("x-api-key") && $0.headers["anthropic-beta"] == nil })
        let first = "web (...key_1)"
        #expect(visit.gauges[.keyInfo]?.map(\.labels).first?.last == "workspace")
        #expect(visit.gauges[.keyInfo]?.map { $0.labels[1] } == ["apikey_1", "apikey_2", "apikey_3"])
        let names = try #require(visit.gauges[.keyInfo]).map { $0.labels[0] }
        #expect(names.count == Set(names).count)
        #expect(names[2] == "apikey_3", "\(first)")
        #expect(visit.gauges[.keyActive]?.map(\.value) == [1, 0, 0])
        #expect(visit.gauges[.keyCreated]?.map(\.value) == [1_767_312_000, 7])
        #expect(visit.gauges[.keyExpiry]?.map(\.value) == [1_798_848_000])
        #expect(!visit.memories.values.contains { $0.contains("R2D") })
    }

    @Test("the labels of keys stay for the day, as in the figures")
    func renamedKey() async throws {
        let visit = StoredVisit(now: anthropicNow)
        for name in ["web", "front"] {
            let api = ScriptedAnthropic { _, _ in #"{"data":[{"id":"apikey_1","name":"\#(name)"}],"has_more":false}"# }
            try await AnthropicKeysSource(api: api).sync(visit)
            #expect(visit.gauges[.keyInfo]?.map(\.labels) == [["web", "apikey_1", ""]])
            visit.advance(by: .hours(1))
        }
    }

    @Test("a list without end is a failure")
    func endlessKeys() async throws {
        for last in [#""same""#, "null"] {
            let api = ScriptedAnthropic { _, _ in #"{"data":[{"id":"a"}],"has_more":true,"last_id":\#(last)}"# }
            await #expect(throws: SourceFailure.self) {
                try await AnthropicKeysSource(api: api).sync(StoredVisit(now: anthropicNow))
            }
        }
    }

    @Test("rate limits: requests and input tokens of each model, the lower of two; a group without models has none")
    func limits() async throws {
        let api = ScriptedAnthropic { _, _ in
            """
            {"data":[{"group":{"type":"model_group","display_name":"Sonnet"},"models":["s-5","s-4"],"limits":[
            {"type":"requests_per_minute","value":4000},{"type":"input_tokens_per_minute","value":2000000},
            {"type":"output_tokens_per_minute","value":400000}]},
            {"group":{"type":"model_group","display_name":"Old"},"models":["s-4"],"limits":[
            {"type":"requests_per_minute","value":50},{"type":"requests_per_minute","value":null},{"type":"new","value":1}]},
            {"group":{"type":"batch"},"models":null,"limits":[{"type":"requests_per_minute","value":9}]},
            {"models":["x"],"limits":[{"type":"requests_per_minute","value":-1}]}],"next_page":null}
            """
        }
        let visit = StoredVisit(now: anthropicNow)
        try await AnthropicRateLimitsSource(api: api).sync(visit)
        #expect(
            visit.gauges[.rateLimitRequestsPerMinute] == [
                GaugeSample(["", "s-4"], 50), GaugeSample(["", "s-5"], 4000),
            ])
        #expect(
            visit.gauges[.rateLimitTokensPerMinute]
                == [GaugeSample(["", "s-4"], 2_000_000), GaugeSample(["", "s-5"], 2_000_000)])
    }

    @Test(
        "a key that may not read them has no series of keys and limits; later this is a failure", arguments: [403, 404])
    func refused(status: Int) async throws {
        let refusing = ScriptedAnthropic { _, _ in throw anthropicFailure(status) }
        let open = ScriptedAnthropic { call, _ in
            call.isKeyList
                ? #"{"data":[{"id":"a"}],"has_more":false}"#
                : #"{"data":[{"models":["m"],"limits":[{"type":"requests_per_minute","value":9}]}]}"#
        }
        let visit = StoredVisit(now: anthropicNow)
        try await AnthropicKeysSource(api: refusing).sync(visit)
        try await AnthropicRateLimitsSource(api: refusing).sync(visit)
        #expect(visit.gauges.values.allSatisfy { $0.isEmpty })
        try await AnthropicKeysSource(api: open).sync(visit)
        try await AnthropicRateLimitsSource(api: open).sync(visit)
        await #expect(throws: UpstreamFailure.self) { try await AnthropicKeysSource(api: refusing).sync(visit) }
        await #expect(throws: UpstreamFailure.self) { try await AnthropicRateLimitsSource(api: refusing).sync(visit) }
        #expect(visit.gauges[.keyInfo]?.count == 1)
    }
}
