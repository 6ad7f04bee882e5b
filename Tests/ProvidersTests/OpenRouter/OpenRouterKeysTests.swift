import TestSupport
import Testing
import UsageModel
import Upstream

@testable import Providers

/// The sources `keys`, `credits` and `key`.
@Suite struct OpenRouterKeysTests {
    /// A Thursday.
    private let now = Timestamp(seconds: 1_793_625_600 + 3 * 86_400)  // 2026-11-05T13:20:00Z
    private let hash = "f01d52606dc8f0a8303a7b5cc3fa07109c2e346cec7c0a16b40de462992ce943"

    private func key(_ members: String = "", hash: String? = nil, name: String = "My Production Key") -> String {
        """
        {"hash":"\(hash ?? self.hash)","name":"\(name)","label":"sk-or-v1-0e6...1c96","disabled":false,"limit":100,\
        "limit_remaining":74.5,"limit_reset":"monthly","include_byok_in_limit":false,"usage":99,"usage_daily":25.5,\
        "byok_usage":17.38,"created_at":"2025-08-24T10:30:00Z","updated_at":"2025-08-24T15:45:00Z",\
        "expires_at":"2027-12-31T23:59:59Z","workspace_id":"w1"\(members.isEmpty ? "" : ",")\(members)}
        """
    }

    private func gauges(_ keys: String) async throws -> [GaugeFamily: [GaugeSample]] {
        let visit = StoredVisit(now: now)
        let api = OpenRouterBench { $0.path == "/api/v1/keys" ? "{\"data\":[\(keys)]}" : "{\"data\":[]}" }
        try await OpenRouterKeysSource(api: api).sync(visit)
        return visit.gauges
    }

    @Test("each field of a listed key is a gauge")
    func fields() async throws {
        let gauges = try await gauges(key())
        let (key, labels) = ("My Production Key", ["My Production Key", "key"])
        #expect(gauges[.keyInfo] == [GaugeSample([key, "f01d52606dc8", ""], 1)])
        #expect(gauges[.keyActive] == [GaugeSample([key], 1)])
        #expect(gauges[.keyCreated] == [GaugeSample([key], try moment("2025-08-24T10:30:00Z").seconds)])
        #expect(gauges[.keyExpiry] == [GaugeSample([key], try moment("2027-12-31T23:59:59Z").seconds)])
        #expect(gauges[.budgetLimit] == [GaugeSample(labels, 100)])
        // Not the key's usage, which is of its lifetime.
        #expect(gauges[.budgetSpent] == [GaugeSample(labels, 25.5)])
        #expect(gauges[.budgetReset] == [GaugeSample(labels, try moment("2026-12-01").seconds)])
        #expect(gauges[.budgetPeriod] == [GaugeSample(labels, 30 * 86_400)])
    }

    @Test(
        "a budget resets at midnight UTC of the next day, Monday or month; another word and none at all have no period",
        arguments: [
            ("\"daily\"", "2026-11-06", 86_400.0), ("\"weekly\"", "2026-11-09", 604_800),
            ("\"monthly\"", "2026-12-01", 2_592_000),
            ("\"Monthly\"", "2026-12-01", 2_592_000), ("null", nil, nil), ("\"yearly\"", nil, nil), ("7", nil, nil),
        ] as [(String, String?, Double?)])
    func resets(reset: String, end: String?, period: Double?) async throws {
        let gauges = try await gauges(key().replacing("\"monthly\"", with: reset))
        #expect(gauges[.budgetReset]?.map(\.value) == (try end.map { [try moment($0).seconds] } ?? []))
        #expect(gauges[.budgetPeriod]?.map(\.value) == (period.map { [$0] } ?? []))
        #expect(gauges[.budgetLimit]?.map(\.value) == [100])
    }

    @Test("a key without a limit has no budget, and fields that are missing no series")
    func missingFields() async throws {
        let unlimited = try await gauges(key().replacing("\"limit\":100", with: "\"limit\":null"))
        for family in OpenRouterBudget.families { #expect(unlimited[family] == []) }
        let negative = try await gauges(key().replacing("\"limit\":100", with: "\"limit\":-1"))
        #expect(negative[.budgetLimit] == [])
        let short = try await gauges("{\"hash\":\"\(hash)\"}")
        #expect(short[.keyInfo] == [GaugeSample(["f01d52606dc8", "f01d52606dc8", ""], 1)])
        #expect(short.values.joined().count == 1)
        let unspent = try await gauges(key().replacing("74.5", with: "null"))
        #expect(unspent[.budgetSpent] == [] && unspent[.budgetLimit]?.count == 1)
        #expect(try await gauges("{}")[.keyInfo] == [])
    }

    @Test("a disabled key is not active, and keys of one name have the end of their ids")
    func names() async throws {
        let other = "0123456789ab" + String(repeating: "c", count: 52)
        let gauges = try await gauges(key() + "," + key(hash: other).replacing("false", with: "true"))
        #expect(
            Set(gauges[.keyActive] ?? []) == [
                GaugeSample(["My Production Key (...606dc8)"], 1),
                GaugeSample(["My Production Key (...6789ab)"], 0),
            ])
    }

    @Test("the keys of all workspaces are read by pages, and the default one only once")
    func workspaces() async throws {
        let visit = StoredVisit(now: now)
        let api = OpenRouterBench { request in
            guard request.path == "/api/v1/keys" else {
                return "{\"data\":[{\"id\":\"w1\"},{\"id\":\"w2\"}],\"total_count\":2}"
            }
            let offset = Int(request.query["offset"] ?? "") ?? 0
            let count = request.query["workspace_id"] == nil ? 130 : 2
            let keys = (offset..<max(offset, min(count, offset + 100))).map { index in
                let workspace = request.query["workspace_id"] ?? "w1"
                return
                    "{\"hash\":\"\(workspace)-\(index)\",\"name\":\"\(workspace) \(index)\",\"workspace_id\":\"\(workspace)\"}"
            }
            return "{\"data\":[\(keys.joined(separator: ","))]}"
        }
        try await OpenRouterKeysSource(api: api).sync(visit)
        #expect(visit.gauges[.keyInfo]?.count == 132)
        #expect(
            api.takeRequests() == [
                "/api/v1/keys?include_disabled=true&offset=0", "/api/v1/keys?include_disabled=true&offset=100",
                "/api/v1/workspaces?limit=100&offset=0", "/api/v1/keys?include_disabled=true&offset=0&workspace_id=w2",
            ])
    }

    @Test("an API that ignores the offset, and an account without workspaces, list each key once")
    func fullPages() async throws {
        let visit = StoredVisit(now: now)
        let page = (0..<100).map { "{\"hash\":\"h\($0)\",\"name\":\"k\($0)\"}" }.joined(separator: ",")
        let api = OpenRouterBench { request in
            guard request.path == "/api/v1/keys" else { throw openRouterFailure(404) }
            return "{\"data\":[\(page)]}"
        }
        try await OpenRouterKeysSource(api: api).sync(visit)
        #expect(visit.gauges[.keyInfo]?.count == 100)
        #expect(api.takeRequests().count == 3)
        #expect(visit.remarks.contains { $0.contains("default workspace") })
    }

    @Test("the balance is exact, and only growth of what was paid in is a top-up")
    func credits() async throws {
        let visit = StoredVisit(now: now)
        func sync(_ credits: String, _ usage: String, as fingerprint: String = "one") async throws {
            let api = OpenRouterBench { _ in "{\"data\":{\"total_credits\":\(credits),\"total_usage\":\(usage)}}" }
            api.rotate(to: fingerprint)
            try await OpenRouterCreditsSource(api: api).sync(visit)
        }
        try await sync("100.5", "25.75")
        #expect(visit.gauges[.balanceUSD] == [GaugeSample([], 74.75)])
        #expect(visit.sum(.topups) == .zero)
        try await sync("\"150.5\"", "25.85")
        #expect(visit.gauges[.balanceUSD] == [GaugeSample([], 124.65)])
        #expect(visit.sum(.topups) == ExactDecimal(50))
        // A refund or an expiry, and back.
        try await sync("120", "25.85")
        try await sync("150.5", "25.85")
        #expect(visit.sum(.topups) == ExactDecimal(50))
        #expect(visit.sum(.refunds) == .zero)
        try await sync("10", "5", as: "two")
        try await sync("30", "5", as: "two")
        #expect(visit.sum(.topups) == ExactDecimal(70))
        for broken in ["null", "\"x\"", "1e300"] {
            await #expect(throws: SourceFailure.self) { try await sync(broken, "5", as: "two") }
        }
    }

    @Test("an inference key's cost is what its lifetime total grew by, and another key of the name starts again")
    func inferenceKey() async throws {
        let visit = StoredVisit(now: now)
        func sync(_ usage: String, as fingerprint: String = "one") async throws {
            let api = OpenRouterBench { _ in
                """
                {"data":{"label":"sk-or-v1-au7...890","usage":\(usage),"usage_daily":3,"byok_usage":17.38,"limit":100,
                "limit_remaining":74.5,"limit_reset":"weekly","is_free_tier":false,"is_management_key":false,
                "expires_at":"2027-12-31T23:59:59Z","rate_limit":{"requests":-1,"interval":"10s"}}}
                """
            }
            api.rotate(to: fingerprint)
            try await OpenRouterKeySource(keys: [.init(name: "web", api: api)]).sync(visit)
        }
        try await sync("25.5")
        #expect(visit.sum(.keyCost) == .zero)
        #expect(visit.gauges[.budgetSpent] == [GaugeSample(["web", "key"], 25.5)])
        #expect(visit.gauges[.budgetReset] == [GaugeSample(["web", "key"], try moment("2026-11-09").seconds)])
        #expect(visit.gauges[.keyExpiry] == [GaugeSample(["web"], try moment("2027-12-31T23:59:59Z").seconds)])
        visit.advance(by: .minutes(5))
        try await sync("\"26.75\"")
        #expect(visit.sum(.keyCost) { $0 == ["web"] } == (try decimal("1.25")))
        #expect(visit.sum(.cost) { $0 == ["web", ""] } == (try decimal("1.25")))
        try await sync("26")
        try await sync("27")
        #expect(visit.sum(.keyCost) == (try decimal("1.5")))
        // A new key, whose total is higher.
        try await sync("40", as: "two")
        try await sync("40.5", as: "two")
        #expect(visit.sum(.keyCost) == ExactDecimal(2))
        #expect(visit.readings.last?.coverage["web"]?.spans.isEmpty == false)
    }

    @Test("one refused key does not stop the others, and keeps its figures")
    func refusedKey() async throws {
        let visit = StoredVisit(now: now)
        let body = "{\"data\":{\"usage\":5,\"limit\":10,\"limit_remaining\":4}}"
        let good = OpenRouterBench { _ in body }
        let bad = OpenRouterBench { _ in throw openRouterFailure(401) }
        try await OpenRouterKeySource(keys: [.init(name: "a", api: good), .init(name: "b", api: good)]).sync(visit)
        let keys = [OpenRouterKeySource.Key(name: "a", api: bad), .init(name: "b", api: good)]
        let failure = await #expect(throws: PartialFailure.self) {
            try await OpenRouterKeySource(keys: keys).sync(visit)
        }
        #expect(failure?.message.contains("key a") == true && failure?.reason == .auth)
        #expect(
            Set(visit.gauges[.budgetSpent] ?? []) == [GaugeSample(["a", "key"], 6), GaugeSample(["b", "key"], 6)])
        let none = await #expect(throws: UpstreamFailure.self) {
            try await OpenRouterKeySource(keys: [.init(name: "a", api: bad)]).sync(visit)
        }
        #expect(none?.message.contains("key a") == true)
    }
}
