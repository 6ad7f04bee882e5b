import ProviderSimulator
import TestSupport
import Testing
import UsageModel

@Suite("The simulated Venice API", .timeLimit(.minutes(2)))
struct VeniceAPITests {
    private let clock: ManualClock
    private let store: VeniceBillingStore
    private let availability = VeniceAvailability(usage: .open)
    private let api: VeniceAPI

    init() throws {
        clock = ManualClock(try at("2026-06-15T20:00:00Z"))
        store = VeniceBillingStore(clock: clock)
        var account = VeniceAccount(
            name: "a", adminToken: "admin", store: store, balance: PrepaidBalance(opening: ExactDecimal(10)))
        account.inferenceToken = "infer"
        account.keys = [VeniceKey(id: "k1", description: "one", created: try at("2026-01-01"))]
        account.keys[0].usdLimit = ExactDecimal(3)
        api = VeniceAPI(accounts: [account], availability: availability)
    }

    private func get(_ endpoint: String, _ query: [String: String] = [:], token: String = "admin") -> SimulatedResponse
    {
        api.answer(
            APIRequest(
                time: clock.now, method: "GET", path: "/venice" + endpoint, endpoint: endpoint, query: query,
                account: api.account(ofToken: token)), style: [])
    }

    private func usage(_ query: [String: String]) -> SimulatedResponse { get("/api/v1/billing/usage", query) }
    private func history(_ query: [String: String]) -> SimulatedResponse { get("/api/v1/billing/usage-history", query) }

    private func image(_ id: String, _ time: String, currency: String = "USD", visibleFrom: String? = nil) throws
        -> VeniceCharge
    {
        var charge = VeniceCharge(id: id, time: try at(time), model: "m", work: .images(1), unitPrice: try usd("0.1"))
        charge.currency = currency
        charge.keyID = "k1"
        if let visibleFrom { charge.visibleFrom = try at(visibleFrom) }
        return charge
    }

    private func ids(_ response: SimulatedResponse) -> [String] {
        (response.body["data"]?.elements ?? []).compactMap { $0["inferenceDetails"]?["requestId"]?.text }
    }

    @Test("an inference has one row per token type, with negative amounts and the same details")
    func rows() throws {
        var charge = VeniceCharge(
            id: "r", time: try at("2026-06-15T19:00:00Z"), model: "glm",
            work: .tokens(prompt: 1000, cached: 400, completion: 50), unitPrice: try usd("0.175"))
        charge.searchesWeb = true
        store.add(charge)
        let rows = try #require(history([:]).body["data"]?.elements)
        #expect(
            rows.map { $0["sku"]?.text } == [
                "glm-llm-input-mtoken", "glm-llm-cache-input-mtoken", "glm-llm-output-mtoken", "search-augmentation",
            ])
        #expect(rows.map { $0["amount"]?.number?.description } == ["-0.00042", "-0.00007", "-0.00014", "-0.01"])
        #expect(rows.map { $0["units"]?.number?.description } == ["0.0006", "0.0004", "0.00005", "1"])
        #expect(Set(rows.map { $0["inferenceDetails"] }).count == 1)
    }

    @Test("the older endpoint reports pagination in the body and in headers")
    func pages() throws {
        for second in 0..<5 { store.add(try image("r\(second)", "2026-06-15T19:00:0\(second)Z")) }
        let last = usage(["limit": "2", "page": "3", "sortOrder": "asc"])
        #expect(ids(last) == ["r4"])
        #expect(last.body["pagination"]?["totalPages"]?.number == ExactDecimal(3))
        #expect(ids(usage(["limit": "2"])) == ["r4", "r3"])
        #expect(ids(usage(["startDate": "2026-06-15T19:00:01Z", "endDate": "2026-06-15T19:00:02Z"])) == ["r2", "r1"])
        #expect(ids(usage(["page": "9"])) == [])
        let total = last.headers.first { $0.name.canonicalName == "x-pagination-total" }
        #expect(total?.value == "5")
    }

    @Test("a cursor excludes other parameters, is stable while rows arrive, and ends with null")
    func cursor() throws {
        for second in 10..<35 { store.add(try image("r\(second)", "2026-06-15T19:00:\(second)Z")) }
        let query = [
            "startTimestamp": "2026-06-15T19:00:00Z", "endTimestamp": "2026-06-15T20:00:00Z", "pageSize": "10",
        ]
        let first = history(query)
        let cursor = try #require(first.body["nextCursor"]?.text)
        store.add(try image("early", "2026-06-15T19:00:05Z"))
        let second = history(["cursor": cursor])
        let third = history(["cursor": try #require(second.body["nextCursor"]?.text)])
        #expect(ids(first) + ids(second) + ids(third) == (10..<35).map { "r\($0)" })
        #expect(third.body["nextCursor"] == .null)
        for refused in [
            ["cursor": cursor, "pageSize": "10"], ["cursor": "tampered"], ["pageSize": "5"], ["pageSize": "1001"],
            ["currency": "VCU"], ["page": "1"], ["startTimestamp": "2026-06-15T19:00:00+00:00"],
            ["startTimestamp": "2026-06-15T19:00:00Z", "endTimestamp": "2026-06-15T19:00:00Z"],
        ] {
            #expect(history(refused).status == 400, "\(refused)")
        }
        for refused in [["limit": "501"], ["limit": "0"], ["page": "0"], ["sortOrder": "up"], ["startDate": "x"]] {
            #expect(usage(refused).status == 400, "\(refused)")
        }
    }

    @Test("late, revised and removed charges are shown in their current state")
    func changes() throws {
        store.add(try image("late", "2026-06-15T19:00:00Z", visibleFrom: "2026-06-15T21:00:00Z"))
        let id = store.add(try image("b", "2026-06-15T19:00:01Z"))
        #expect(ids(history([:])) == ["b"])
        #expect(store.visibleTruth(from: try at("2026-06-15")).requests == ["m": 1])
        clock.move(to: try at("2026-06-15T21:00:00Z"))
        #expect(ids(history([:])) == ["late", "b"])
        #expect(store.replace(id, by: nil))
        #expect(!store.replace(id, by: nil))
        #expect(ids(history([:])) == ["late"])
        #expect(store.visibleTruth(from: try at("2026-06-15")).cost == ["m": try usd("0.1")])
    }

    @Test("after its sunset the older endpoint returns 410 without authentication and links its successor")
    func sunset() {
        availability.usage = .gone
        let response = get("/api/v1/billing/usage", token: "nobody")
        #expect(response.status == 410)
        let fields = Dictionary(response.headers.map { ($0.name.canonicalName, $0.value) }, uniquingKeysWith: { $1 })
        #expect(fields["deprecation"] == "@1783555200")
        #expect(fields["sunset"] == "Wed, 16 Sep 2026 00:00:00 GMT")
        #expect(fields["link"] == "</api/v1/billing/usage-history>; rel=\"successor-version\"")
        availability.history = .missing
        #expect(history([:]).status == 404)
    }

    @Test("billing requires an ADMIN key, rate limits any key")
    func keys() throws {
        for endpoint in [
            "billing/usage", "billing/usage-history", "billing/usage-analytics", "billing/balance", "api_keys",
            "api_keys/rate_limits/log",
        ] {
            #expect(get("/api/v1/\(endpoint)", token: "infer").status == 401)
            #expect(get("/api/v1/\(endpoint)", token: "nobody").status == 401)
        }
        #expect(get("/api/v1/api_keys/rate_limits", token: "infer").status == 200)
    }

    @Test("analytics, balance and keys sum up the same charges")
    func figures() throws {
        store.add(try image("a", "2026-06-15T19:00:00Z"))
        store.add(try image("b", "2026-06-15T19:00:00Z", currency: "DIEM"))
        store.add(try image("c", "2026-06-15T19:00:00Z", currency: "BUNDLED_CREDITS"))
        store.add(try image("d", "2026-06-15T19:00:00Z", currency: "EARNED_CREDITS"))
        let day = ["startDate": "2026-06-15", "endDate": "2026-06-15"]
        let key = get("/api/v1/billing/usage-analytics", day).body["byKey"]?.elements?.first
        #expect(key?["totalUsd"]?.number == (try usd("0.2")))
        #expect(key?["totalDiem"]?.number == (try usd("0.1")))
        #expect(get("/api/v1/billing/usage-analytics", ["startDate": "2026-06-15"]).status == 400)
        #expect(get("/api/v1/billing/balance").body["balances"]?["usd"]?.number == (try usd("9.9")))
        let spent = get("/api/v1/api_keys").body["data"]?.elements?.first?["currentPeriodUsage"]?["usd"]
        #expect(spent?.text == "0.2000")
    }

    @Test("other units, cache writes, plans and refunds are rows as the provider writes them")
    func newerRows() throws {
        let time = try at("2026-06-15T19:00:00Z")
        store.add(
            VeniceCharge(
                id: "audio", time: time, model: "whisper", work: .units(try usd("2.5"), unit: "minute"),
                unitPrice: try usd("0.1")))
        var cached = VeniceCharge(
            id: "cached", time: time, model: "glm", work: .tokens(prompt: 1000, cached: 400, completion: 50),
            unitPrice: try usd("0.1"))
        cached.cacheWritten = 100
        store.add(cached)
        store.add(
            VeniceCharge(
                id: "plan", time: time, model: "pro-subscription", work: .subscription, unitPrice: ExactDecimal(18)))
        store.add(VeniceIncome(refunding: try image("back", "2026-06-15T19:00:00Z", currency: "DIEM"), at: time))
        let rows = try #require(history([:]).body["data"]?.elements)
        #expect(
            rows.map { $0["sku"]?.text } == [
                "whisper-minute", "glm-llm-input-mtoken", "glm-llm-cache-input-mtoken", "glm-llm-cache-write-5m-mtoken",
                "glm-llm-output-mtoken", "pro-subscription", "m-image-unit",
            ])
        #expect(rows.map { $0["units"]?.number?.description }.prefix(4) == ["2.5", "0.0005", "0.0004", "0.0001"])
        #expect(rows[5]["inferenceDetails"] == .null)
        #expect(rows[6]["amount"]?.number == (try usd("0.1")))
        #expect(rows[6]["inferenceDetails"]?["requestId"]?.text == "back")
        let truth = store.visibleTruth(from: time)
        #expect(truth.requests == ["whisper-minute": 1, "glm": 1])
        #expect(truth.tokens[["glm", "input"]] == 500)
        #expect(truth.tokens[["glm", "cache_write"]] == 100)
        #expect(truth.units == [["whisper-minute", "minute"]: try usd("2.5")])
        #expect(truth.creditsRefunded == [["m", "diem"]: try usd("0.1")])
        #expect(truth.modalityCost["video"] == (try usd("0.1")))
    }

    @Test("refused requests are listed newest first, at most 50")
    func refusals() throws {
        var account = VeniceAccount(
            name: "a", adminToken: "admin", store: store, balance: PrepaidBalance(opening: ExactDecimal(10)))
        account.listsModelTypes = true
        account.keys = [VeniceKey(id: "k1", description: "", created: try at("2026-01-01"))]
        let now = clock.now
        account.refusals.add(
            (0..<60).map { VeniceRefusal(time: now - .minutes(60 - $0), keyID: "k1", model: "m\($0)") })
        account.refusals.add([VeniceRefusal(time: now + .minutes(1), keyID: nil, model: "later")])
        let api = VeniceAPI(accounts: [account], availability: availability)
        func get(_ endpoint: String, _ query: [String: String] = [:]) -> SimulatedResponse {
            api.answer(
                APIRequest(
                    time: now, method: "GET", path: "", endpoint: endpoint, query: query, account: "a"), style: [])
        }
        let listed = try #require(get("/api/v1/api_keys/rate_limits/log").body["data"]?.elements)
        #expect(listed.count == 50)
        #expect(listed.first?["modelId"]?.text == "m59")
        #expect(listed.last?["modelId"]?.text == "m10")
        #expect(listed.first?["rateLimitType"]?.text == "RPM")
        store.add(try image("a", "2026-06-15T19:00:00Z"))
        let day = ["startDate": "2026-06-15", "endDate": "2026-06-15"]
        let analytics = get("/api/v1/billing/usage-analytics", day).body
        #expect(analytics["byModel"]?.elements?.first?["modelType"]?.text == "IMAGE")
        #expect(analytics["byKey"]?.elements?.first?["description"]?.text == "Key ...k1")
        #expect(get("/api/v1/api_keys").body["data"]?.elements?.first?["description"] == .null)
    }

    @Test("the demo's account has a month of usage, the same in every run")
    func demo() throws {
        func day(_ now: String) throws -> JSONValue? {
            let world = DemoWorld(clock: ManualClock(try at(now)))
            let api = try #require(world.providers.first { $0.name == "venice" })
            return api.answer(
                APIRequest(
                    time: try at(now), method: "GET", path: "", endpoint: "/api/v1/billing/usage-analytics",
                    query: ["startDate": "2026-10-21", "endDate": "2026-11-19"],
                    account: api.account(ofToken: "demo-venice-assistant")), style: []
            ).body["byDate"]
        }
        let days = try day("2026-11-20T15:30:00Z")
        #expect(days?.elements?.count == 30)
        #expect(days?.elements?.allSatisfy { ($0["USD"]?.number ?? .zero) > .zero } == true)
        // A day later the month also begins a day later; the common days are equal.
        #expect(try day("2026-11-21T15:30:00Z")?.elements?.dropFirst(2) == days?.elements?.dropFirst(2))
    }
}
