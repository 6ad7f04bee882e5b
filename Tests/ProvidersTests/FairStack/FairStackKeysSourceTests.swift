import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of `GET /v1/api-keys`.
@Suite struct FairStackKeysSourceTests {
    private static let now = Timestamp(seconds: 1_770_994_800)

    /// The documented response with all of its fields.
    static let example = """
        {"keys":[
        {"id":"key_web","name":"Web shop","prefix":"fs_live_9aK2","scopes":["generate","credits:read"],
        "cap_total_micro":25000001,"created_at":"2026-01-02T03:04:05Z","last_used_at":"2026-02-13T10:00:00Z"},
        {"id":"key_new","name":"New","prefix":"fs_live_7bQ4","scopes":["generate"],"cap_total_micro":null,
        "created_at":"2026-02-01T00:00:00Z","last_used_at":null}]}
        """

    private let configured = [FairStackKey(id: "key_web", name: "web")]

    private func gauges(
        _ json: String, configured: [FairStackKey] = []
    ) throws -> [GaugeFamily: [GaugeSample]] {
        try FairStackBody<FairStackKeyList>.payload(of: answer(json)).gauges(configured: configured)
    }

    /// The ids by label.
    private func labels(_ json: String, configured: [FairStackKey] = []) throws -> [String: String] {
        let samples = try gauges(json, configured: configured)[.keyInfo] ?? []
        let ids = Dictionary(samples.map { ($0.labels[0], $0.labels[1]) }, uniquingKeysWith: { "\($0) and \($1)" })
        #expect(ids.count == samples.count)
        return ids
    }

    private func sync(_ context: StoredVisit, _ response: String) async throws {
        let api = AnsweringAPI { _, _ in
            guard let status = Int(response) else { return response }
            throw UpstreamFailure(reason: status == 403 ? .auth : .http4xx, status: status, message: "HTTP \(status)")
        }
        try await FairStackKeysSource(api: api, configured: configured).sync(context)
        #expect(api.takeRequests() == ["/v1/api-keys"])
    }

    @Test("keys are found with names, times and caps without configuration", arguments: [true, false])
    func fields(isWrapped: Bool) throws {
        let gauges = try gauges(isWrapped ? "{\"request_id\":\"r\",\"data\":\(Self.example)}" : Self.example)
        #expect(
            gauges[.keyInfo] == [GaugeSample(["Web shop", "key_web", ""], 1), GaugeSample(["New", "key_new", ""], 1)])
        let created = try ["2026-01-02T03:04:05Z", "2026-02-01T00:00:00Z"].map { try #require(Timestamp($0)).seconds }
        #expect(gauges[.keyCreated] == [GaugeSample(["Web shop"], created[0]), GaugeSample(["New"], created[1])])
        let used = try #require(Timestamp("2026-02-13T10:00:00Z")).seconds
        #expect(gauges[.keyLastUsed] == [GaugeSample(["Web shop"], used)])
        #expect(gauges[.budgetLimit] == [GaugeSample(["Web shop", "key"], 25.000001)])
        // A total cap has no period, and what was spent of it is not known.
        #expect(gauges.count == 4)
        #expect(gauges.values.joined().flatMap(\.labels).allSatisfy { !$0.contains("fs_live") })
    }

    @Test("a configured name is used for its id, and other keys with that name get their id appended")
    func configuredNames() throws {
        #expect(try labels(Self.example, configured: configured) == ["web": "key_web", "New": "key_new"])
        let list = #"{"keys":[{"id":"a","name":"web"},{"id":"key_web","name":"web"},{"id":"b","name":"x"}]}"#
        #expect(try labels(list, configured: configured) == ["web": "key_web", "web (a)": "a", "x": "b"])
        // The configured key was deleted at FairStack.
        #expect(try labels(#"{"keys":[{"id":"a","name":"web"}]}"#, configured: configured) == ["web (a)": "a"])
    }

    @Test("keys with equal names are distinguished by id in any order, and keys without a name have their id")
    func equalNames() throws {
        let keys = [
            #"{"id":"a","name":"bot"}"#, #"{"id":"b","name":"bot"}"#, #"{"id":"c","name":""}"#,
            #"{"id":"d","name":null}"#, #"{"id":17,"name":"n"}"#, #"{"id":"b","name":"again"}"#, #"{"name":"no id"}"#,
            "{}", "null", "\"x\"",
        ]
        let expected = ["bot (a)": "a", "bot (b)": "b", "c": "c", "d": "d", "n": "17", "no id": ""]
        #expect(try labels("{\"keys\":[\(keys.joined(separator: ","))]}") == expected)
        let reversed = try labels("{\"keys\":[\(keys.prefix(5).reversed().joined(separator: ","))]}")
        #expect(reversed == expected.filter { $0.key != "no id" })
    }

    @Test(
        "a cap that is null, not positive or invalid is no budget",
        arguments: ["null", "0", "-1", "\"∞\"", "5.5", "{}"])
    func noCap(cap: String) throws {
        let gauges = try gauges("{\"keys\":[{\"id\":\"a\",\"name\":\"a\",\"cap_total_micro\":\(cap)}]}")
        #expect(gauges[.budgetLimit] == [])
        #expect(gauges[.keyInfo]?.count == 1)
    }

    @Test("fields that cannot be read are absent with a remark")
    func invalidFields() async throws {
        let context = StoredVisit(now: Self.now)
        try await sync(
            context,
            #"{"keys":[{"id":"a","name":"a","cap_total_micro":1000000,"created_at":"","last_used_at":"soon"}]}"#)
        #expect(context.gauges[.budgetLimit] == [GaugeSample(["a", "key"], 1)])
        #expect(context.gauges[.keyCreated] == [])
        #expect(context.gauges[.keyLastUsed] == [])
        #expect(context.remarks.count == 2)
    }

    @Test("a key that may not list keys, and an API without a list, have no series", arguments: ["403", "404", "410"])
    func unavailable(status: String) async throws {
        let context = StoredVisit(now: Self.now)
        try await sync(context, status)
        #expect(context.gauges == FairStackKeyList.absent)
    }

    @Test(
        "a list that was read before and fails now is a failure, and its gauges stay",
        arguments: [
            "403", "404", "410", #"{"error":{"code":"x"}}"#, #"{"keys":null,"error":"x"}"#, #"{"data":{}}"#, "{}", "[]",
        ])
    func lost(response: String) async throws {
        let context = StoredVisit(now: Self.now)
        try await sync(context, Self.example)
        let before = context.gauges
        await #expect(throws: (any Error).self) { try await sync(context, response) }
        #expect(context.gauges == before)
        #expect(context.gauges[.keyInfo]?.count == 2)
    }

    @Test("a wrong key and an error of the server fail also before the first list", arguments: ["401", "500"])
    func failure(status: String) async {
        await #expect(throws: UpstreamFailure.self) { try await sync(StoredVisit(now: Self.now), status) }
    }
}
