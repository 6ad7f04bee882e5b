import ProviderSimulator
import TestSupport
import Testing
import UsageModel

@Suite("The simulated FairStack API")
struct FairStackAPITests {
    private static let now = "2026-03-10T15:00:00Z"

    /// An account with a completed, a failed, a pending and a late generation, and a top-up.
    private func account() throws -> FairStackAccount {
        let store = FairStackStore(clock: ManualClock(try at(Self.now)))
        let day = try at("2026-03-10T14:30:00Z")
        store.add([
            FairStackTransaction(
                id: "gen_1", time: day, key: "key_web", model: "z-image-turbo", modality: "image", micro: 4000),
            FairStackTransaction(
                id: "gen_2", time: day + .minutes(1), model: "z-image-turbo", modality: "image", micro: 0,
                status: "failed"),
            FairStackTransaction(
                id: "gen_3", time: day + .minutes(2), model: "wan-2-1-t2v", modality: "video", micro: 48_000,
                decidedAt: day + .hours(2)),
            FairStackTransaction(
                id: "gen_4", time: day + .minutes(3), model: "wan-2-1-t2v", modality: "video", micro: 48_000,
                visibleFrom: day + .hours(2)),
            FairStackTransaction(id: "txn_5", kind: .topUp, time: day - .days(9), micro: -10_000_000),
        ])
        var account = FairStackAccount(name: "stack", token: "key", store: store)
        account.keyIDs = ["key_web"]
        account.caps = [.init(scope: "organization", micro: 50_000_000), .init(scope: "project", micro: nil)]
        return account
    }

    private func send(
        _ account: FairStackAccount, _ endpoint: String, _ query: [String: String] = [:], method: String = "GET",
        known: Bool = true
    ) throws -> SimulatedResponse {
        let request = APIRequest(
            time: try at(Self.now), method: method, path: "/fairstack" + endpoint, endpoint: endpoint, query: query,
            account: known ? "stack" : nil)
        return FairStackAPI(accounts: [account]).answer(request, style: [])
    }

    private func text(_ response: SimulatedResponse) -> String {
        String(decoding: response.body.encoded(), as: UTF8.self)
    }

    @Test("usage and daily count only successes, in the documented form")
    func usage() throws {
        let usage = try send(account(), "/v1/usage", ["from": "2026-03-01", "to": "2026-03-10"])
        let cost = #""cost":{"micro":4000,"display":"$0.004"}"#
        #expect(
            text(usage)
                == #"{"from":"2026-03-01","to":"2026-03-10","total_cost":{"micro":4000,"display":"$0.004","currency":"USD"},"#
                + #""generation_count":1,"by_modality":[{"modality":"image","count":1,\#(cost)}],"#
                + #""by_model":[{"model":"z-image-turbo","count":1,\#(cost)}]}"#)
        let daily = try send(account(), "/v1/usage/daily", ["from": "2026-03-01", "to": "2026-03-10"])
        #expect(text(daily) == #"{"days":[{"date":"2026-03-10","count":1,\#(cost)}]}"#)
        let key = try send(account(), "/v1/usage", ["from": "2026-03-10", "to": "2026-03-10", "key_id": "key_web"])
        #expect(key.body["generation_count"]?.number == ExactDecimal(1))
    }

    @Test("transactions come newest first, page by page, with their current status")
    func pages() throws {
        let first = try send(account(), "/v1/usage/transactions", ["limit": "2"])
        let rows = try #require(first.body["transactions"]?.elements)
        #expect(rows.map { $0["id"]?.text } == ["gen_3", "gen_2"])
        #expect(rows.map { $0["status"]?.text } == ["pending", "failed"])
        #expect(first.body["has_more"] == .bool(true))
        let cursor = try #require(first.body["cursor"]?.text)
        let second = try send(account(), "/v1/usage/transactions", ["limit": "2", "cursor": cursor])
        let rest = try #require(second.body["transactions"]?.elements)
        #expect(rest.map { $0["id"]?.text } == ["gen_1", "txn_5"])
        #expect(rest[1]["cost"]?["display"]?.text == "-$10.00")
        #expect(rest[1]["model"] == nil)
        #expect(second.body["has_more"] == .bool(false))
        #expect(second.body["cursor"] == .null)
        let topUps = try send(account(), "/v1/usage/transactions", ["type": "top_up"])
        #expect(topUps.body["transactions"]?.elements?.count == 1)
        let video = try send(account(), "/v1/usage/transactions", ["modality": "video"])
        #expect(video.body["transactions"]?.elements?.count == 1)
    }

    @Test("credits are top-ups minus charges, with caps by scope")
    func credits() throws {
        #expect(
            text(try send(account(), "/v1/credits"))
                == #"{"balance":{"micro":9996000,"display":"$9.996","currency":"USD"},"#
                + #""caps":{"organization":{"micro":50000000,"used_micro":4000},"project":null}}"#)
        var without = try account()
        without.hasCredits = false
        #expect(try send(without, "/v1/credits").status == 404)
    }

    @Test("account and api-keys are options, in the documented form")
    func newerEndpoints() throws {
        var account = try account()
        #expect(try send(account, "/v1/account").status == 404)
        #expect(try send(account, "/v1/api-keys").status == 404)
        account.forms.hasAccount = true
        account.forms.hasKeyList = true
        let created = try at("2026-01-02T03:04:05Z")
        account.listedKeys = [
            FairStackListedKey(id: "key_web", name: "Web shop", capTotalMicro: 25_000_000, createdAt: created),
            FairStackListedKey(id: "key_new", name: "New", createdAt: created),
        ]
        #expect(
            text(try send(account, "/v1/account"))
                == #"{"id":"usr_1","name":"Ada Example","email":"ada@example.com","plan":{"name":"Pro"},"#
                + #""credits":{"balance_microdollars":9996000,"balance_usd":9.996},"#
                + #""spending_cap":{"monthly_microdollars":50000000,"monthly_usd":50,"#
                + #""used_this_month_microdollars":4000,"used_this_month_usd":0.004}}"#)
        let row = #""prefix":"fs_live_9aK2","scopes":["generate","credits:read"]"#
        #expect(
            text(try send(account, "/v1/api-keys"))
                == #"{"keys":[{"id":"key_web","name":"Web shop",\#(row),"cap_total_micro":25000000,"#
                + #""created_at":"2026-01-02T03:04:05Z","last_used_at":"2026-03-10T14:30:00Z"},"#
                + #"{"id":"key_new","name":"New",\#(row),"cap_total_micro":null,"#
                + #""created_at":"2026-01-02T03:04:05Z","last_used_at":null}]}"#)
        account.caps = []
        #expect(try send(account, "/v1/account").body["spending_cap"]?["monthly_usd"] == .null)
        account.forms.refused["/v1/credits"] = 403
        #expect(try send(account, "/v1/credits").status == 403)
    }

    @Test("each vocabulary has its own words, and only charged generations are usage")
    func vocabularies() throws {
        let expected: [(FairStackVocabulary, [String])] = [
            (.seed, ["pending", "failed", "completed"]), (.jobs, ["processing", "failed", "completed"]),
            (.cli, ["processing", "failed", "succeeded"]), (.staging, ["running", "failed", "succeeded"]),
        ]
        for (vocabulary, words) in expected {
            var account = try account()
            account.forms.vocabulary = vocabulary
            let rows = try send(account, "/v1/usage/transactions", ["type": "generation"]).body["transactions"]
            #expect(rows?.elements?.compactMap { $0["status"]?.text } == words)
        }
        let account = try account()
        let time = try at("2026-03-09T01:00:00Z")
        account.store.add(
            ["partial", "delivered", "cancelled"].map {
                FairStackTransaction(id: $0, time: time, model: "m", micro: 7, status: $0)
            })
        let usage = try send(account, "/v1/usage", ["from": "2026-03-09", "to": "2026-03-09"])
        #expect(usage.body["generation_count"]?.number == ExactDecimal(2))
        #expect(Set((0..<50).map { FairStackForms(seed: $0) }).count > 10)
    }

    @Test("quirks delay daily usage, put old transactions on top, forget keys and return error objects")
    func quirks() throws {
        let range = ["from": "2026-03-01", "to": "2026-03-10"]
        func counts(_ change: (inout FairStackQuirks) -> Void) throws -> [String?] {
            var account = try account()
            account.store.add([
                FairStackTransaction(id: "gen_0", time: try at("2026-03-09T01:00:00Z"), model: "m", micro: 1)
            ])
            change(&account.quirks)
            return try send(account, "/v1/usage/daily", range).body["days"]?.elements?.map { $0["date"]?.text } ?? []
        }
        #expect(try counts { _ in } == ["2026-03-09", "2026-03-10"])
        #expect(try counts { $0.dailyOmitsToday = true } == ["2026-03-09"])
        #expect(try counts { $0.dailyLag = .hours(3) } == ["2026-03-09"])
        #expect(try counts { $0.dailyLag = .days(2) } == [])

        var odd = try account()
        odd.quirks.oldTransactionsOnTop = 1
        odd.quirks.unknownKeys = ["key_web": try at(Self.now)]
        let rows = try send(odd, "/v1/usage/transactions", ["limit": "2"]).body["transactions"]?.elements
        #expect(rows?.map { $0["id"]?.text } == ["txn_5", "gen_3"])
        odd.quirks.oldTransactionsOffset = 9
        let last = try send(odd, "/v1/usage/transactions", ["limit": "2"]).body["transactions"]?.elements
        #expect(last?.map { $0["id"]?.text } == ["gen_3", "txn_5"])
        let key = ["from": "2026-03-10", "to": "2026-03-10", "key_id": "key_web"]
        #expect(try send(odd, "/v1/usage", key).status == 404)
        odd.quirks.errorPercentage = 100
        let failed = try send(odd, "/v1/credits")
        #expect(failed.status == 200)
        #expect(failed.body["error"] != nil)
        #expect(FairStackQuirks(seed: 3) == FairStackQuirks(seed: 3))
        #expect(Set((0..<50).map { FairStackQuirks(seed: $0) }).count > 20)
    }

    @Test("late charges depend on their seed and appear within the maximum age")
    func lateCharges() throws {
        let clock = ManualClock(try at(Self.now))
        func shown(seed: UInt64, after: Duration) throws -> FairStackTruth {
            let store = FairStackStore(clock: clock)
            let month = Period(start: try at("2026-02-10T00:00:00Z"), end: try at("2026-03-10T00:00:00Z"))
            store.addLateCharges(100, in: month, upTo: .days(30), seed: seed)
            clock.move(to: try at(Self.now) + after)
            return store.truth(in: month)
        }
        let first = try shown(seed: 1, after: .zero).successes.values.reduce(0, +)
        #expect((1..<100).contains(first))
        #expect(try shown(seed: 1, after: .days(30)).successes.values.reduce(0, +) == 100)
        #expect(try shown(seed: 1, after: .days(30)) == shown(seed: 1, after: .days(30)))
        #expect(try shown(seed: 1, after: .days(30)) != shown(seed: 2, after: .days(30)))
    }

    @Test("bad queries, keys and paths get errors in both documented forms")
    func refusals() throws {
        for (endpoint, query) in [
            ("/v1/usage", ["from": "2026-03-01"]), ("/v1/usage", ["from": "2026-03-02", "to": "2026-03-01"]),
            ("/v1/usage/daily", ["from": "yesterday", "to": "2026-03-01"]),
            ("/v1/usage/transactions", ["limit": "101"]), ("/v1/usage/transactions", ["limit": "0"]),
            ("/v1/usage/transactions", ["type": "gift"]), ("/v1/usage/transactions", ["cursor": "cursor_x"]),
        ] {
            let response = try send(account(), endpoint, query)
            #expect(response.status == 400)
            #expect(response.body["error"]?["status"]?.number == ExactDecimal(400))
        }
        let unknown = ["from": "2026-03-01", "to": "2026-03-01", "key_id": "key_nobody"]
        #expect(try send(account(), "/v1/usage", unknown).status == 404)
        #expect(try send(account(), "/v1/credits", known: false).status == 401)
        #expect(try send(account(), "/v1/credits", method: "POST").status == 404)
        var other = try account()
        other.scopes = ["generate"]
        other.wrapsBodies = true
        let forbidden = try send(other, "/v1/credits")
        #expect(forbidden.status == 403)
        #expect(forbidden.body["error"]?["type"]?.text == "http_403")
    }

    @Test("requests over the limit per minute get a 429 with Retry-After")
    func rateLimit() throws {
        var limited = try account()
        limited.rateLimit = FairStackRateLimit(perMinute: 2)
        let responses = try (0..<3).map { _ in try send(limited, "/v1/credits") }
        #expect(responses.map(\.status) == [200, 200, 429])
        func header(_ name: String) -> [String?] {
            responses.map { response in response.headers.first { $0.name.canonicalName == name }?.value }
        }
        #expect(header("x-ratelimit-remaining") == ["1", "0", "0"])
        #expect(header("retry-after") == [nil, nil, "60"])
    }
}
