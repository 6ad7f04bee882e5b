import ProviderSimulator
import TestSupport
import Testing
import UsageModel

@Suite("Deviations of the simulated Venice API", .timeLimit(.minutes(2)))
struct VeniceMisbehaviorTests {
    private let clock: ManualClock
    private let store: VeniceBillingStore
    private let api: VeniceAPI

    init() throws {
        clock = ManualClock(try at("2026-06-15T20:00:00Z"))
        store = VeniceBillingStore(clock: clock)
        var account = VeniceAccount(
            name: "a", adminToken: "admin", store: store, balance: PrepaidBalance(opening: ExactDecimal(10)))
        account.keys = try ["k1", "k2", "k3"].map { VeniceKey(id: $0, description: $0, created: try at("2026-01-01")) }
        api = VeniceAPI(accounts: [account], availability: VeniceAvailability(usage: .open))
    }

    private func get(_ endpoint: String, _ query: [String: String] = [:]) -> SimulatedResponse {
        api.answer(
            APIRequest(
                time: clock.now, method: "GET", path: "/venice" + endpoint, endpoint: endpoint, query: query,
                account: "a"), style: [])
    }

    private func charge(_ id: String, _ time: String, key: String = "k1", images: Int = 1) throws -> VeniceCharge {
        var charge = VeniceCharge(
            id: id, time: try at(time), model: "m", work: .images(images), unitPrice: try usd("0.1"))
        charge.keyID = key
        return charge
    }

    private func ids(_ response: SimulatedResponse) -> [String] {
        (response.body["data"]?.elements ?? []).compactMap { $0["inferenceDetails"]?["requestId"]?.text }
    }

    private func pages(_ numbers: ClosedRange<Int>) -> [[String]] {
        numbers.map { ids(get("/api/v1/billing/usage", ["limit": "500", "page": "\($0)", "sortOrder": "asc"])) }
    }

    @Test("pages are capped, and omit totals")
    func capped() throws {
        for second in 0..<5 { store.add(try charge("r\(second)", "2026-06-15T19:00:0\(second)Z")) }
        api.misbehavior.modes.mostRowsPerPage = 2
        api.misbehavior.modes.omitsTotalPages = true
        #expect(pages(1...4) == [["r0", "r1"], ["r2", "r3"], ["r4"], []])
        let response = get("/api/v1/billing/usage", ["limit": "500"])
        #expect(response.body["pagination"]?["total"]?.number == ExactDecimal(5))
        #expect(response.body["pagination"]?["totalPages"] == nil)
        #expect(response.body["pagination"]?["limit"]?.number == ExactDecimal(2))
        #expect(!response.headers.contains { $0.name.canonicalName == "x-pagination-total-pages" })
        api.misbehavior.modes.omitsTotal = true
        #expect(get("/api/v1/billing/usage").body["pagination"]?["total"] == nil)
        #expect(ids(get("/api/v1/billing/usage-history")) == ["r0", "r1"])
    }

    @Test("pages are repeated and shifted, cursors are repeated")
    func repeated() throws {
        for second in 0..<6 { store.add(try charge("r\(second)", "2026-06-15T19:00:0\(second)Z")) }
        api.misbehavior.modes.mostRowsPerPage = 2
        api.misbehavior.modes.repeatedPages = 100
        #expect(pages(1...3) == [["r0", "r1"], ["r0", "r1"], ["r2", "r3"]])
        let first = get("/api/v1/billing/usage-history")
        let cursor = try #require(first.body["nextCursor"]?.text)
        #expect(get("/api/v1/billing/usage-history", ["cursor": cursor]).body["nextCursor"]?.text == cursor)
        api.misbehavior.modes.repeatedPages = 0
        api.misbehavior.modes.shiftedPages = 100
        #expect(pages(1...3) == [["r0", "r1"], ["r1", "r2"], ["r3", "r4"]])
    }

    @Test("analytics lag, and list only the keys with the most usage")
    func analytics() throws {
        store.add(try charge("a", "2026-06-15T19:00:00Z", key: "k1", images: 3))
        store.add(try charge("b", "2026-06-15T19:00:00Z", key: "k2", images: 2))
        store.add(try charge("c", "2026-06-15T19:00:00Z", key: "k3", images: 1))
        store.add(try charge("d", "2026-06-15T19:55:00Z", key: "k3", images: 9))
        let day = ["startDate": "2026-06-15", "endDate": "2026-06-15"]
        func keys() -> [[String]] {
            (get("/api/v1/billing/usage-analytics", day).body["byKey"]?.elements ?? []).map {
                [$0["description"]?.text ?? "", $0["totalUsd"]?.number?.description ?? ""]
            }
        }
        api.misbehavior.modes.listedKeys = 1
        #expect(keys() == [["k3", "1"], ["Other", "0.5"]])
        api.misbehavior.modes.analyticsLag = .minutes(10)
        #expect(keys() == [["k1", "0.3"], ["Other", "0.3"]])
        api.misbehavior.modes.listedKeys = 3
        #expect(keys() == [["k1", "0.3"], ["k2", "0.2"], ["k3", "0.1"]])
    }

    @Test("an error object comes with status 200")
    func errorObjects() {
        api.misbehavior.modes.errorObjects = 100
        api.misbehavior.modes.errorEndpoints = ["/api/v1/billing/balance"]
        let response = get("/api/v1/billing/balance")
        #expect(response.status == 200)
        #expect(response.body["balances"] == nil)
        #expect(response.body["error"] != nil)
        #expect(get("/api/v1/api_keys").body["data"] != nil)
    }

    @Test("charges are posted late and revised up and down, the same for the same seed")
    func disturbed() throws {
        func truth(seed: UInt64) throws -> VeniceTruth {
            let store = VeniceBillingStore(clock: clock)
            for day in 10..<15 { store.add(try charge("r\(day)", "2026-06-\(day)T19:00:00Z", images: 4)) }
            store.disturb(.init(late: 20, revised: 4, age: .days(30)), now: clock.now, seed: seed)
            return store.visibleTruth(from: try at("2026-05-01"))
        }
        #expect(try truth(seed: 3) == truth(seed: 3))
        #expect(try truth(seed: 3) != truth(seed: 4))
        #expect(try truth(seed: 3).requests["late-model"] == 20)
        let costs = try (0..<20).map { try truth(seed: $0).cost["m"] ?? .zero }
        #expect(costs.contains { $0 > ExactDecimal(2) })
        #expect(costs.contains { $0 < ExactDecimal(2) })
    }

    @Test("deviations depend only on the seed")
    func mixtures() {
        #expect(VeniceMisbehavior.Modes.random(seed: 5) == VeniceMisbehavior.Modes.random(seed: 5))
        #expect(Set((0..<20).map { VeniceMisbehavior.Modes.random(seed: $0) }).count > 10)
    }
}
