import Foundation
import ProviderSimulator
import TestSupport
import Testing
import UsageModel

@Suite("The simulated useapi.net API", .timeLimit(.minutes(2)))
struct UseAPIAPITests {
    private let clock: ManualClock
    private let store: UseAPIRequestStore
    private let api: UseAPIAPI

    init() throws {
        clock = ManualClock(try at("2026-02-14T12:00:00Z"))
        store = UseAPIRequestStore(clock: clock)
        api = UseAPIAPI(accounts: [
            UseAPIAccount(
                name: "studio", token: "test-key", store: store,
                services: [.init("Midjourney API", active: 2, error: 1), .init("Kling API", active: 1)]),
            UseAPIAccount(name: "lapsed", token: "old-key", store: store, isSubscribed: false),
        ])
    }

    private func send(
        _ query: [String: String] = [:], endpoint: String = "/v2/account/stats", account: String? = "studio",
        style: AnswerStyle = []
    ) -> SimulatedResponse {
        api.answer(
            APIRequest(
                time: clock.now, method: "GET", path: "/useapi" + endpoint, endpoint: endpoint, query: query,
                account: account), style: style)
    }

    private func text(_ response: SimulatedResponse) -> String {
        String(decoding: response.body.encoded(), as: UTF8.self)
    }

    private func flow(_ time: String) throws -> UseAPIRequest {
        UseAPIRequest(
            time: try at(time), bot: "google-flow", config: "a@example.com", endpoint: "post-images",
            milliseconds: 5432, model: "imagen-4", captchaProviders: ["CapSolver", "CapSolver"], captchaRetries: 1,
            tier: "PAYGATE_TIER_TWO", sku: "WS_ULTRA")
    }

    @Test("a response has the documented fields in the documented order")
    func documentedForm() throws {
        store.add(try flow("2026-02-13T10:30:00Z"))
        var failed = try flow("2026-02-13T12:31:00Z")
        (failed.code, failed.milliseconds, failed.model, failed.tier, failed.sku) = (403, 1001, nil, "", "")
        store.add(failed)
        let summary =
            #"{"from":"2026-02-13T10:30:00.000Z","to":"2026-02-13T12:31:00.000Z","time_span":"2 hours 1 minutes","#
            + #""by_config":{"a@example.com":2},"by_code":{"200":1,"403":1},"by_endpoint":{"post-images":2},"#
            + #""by_status":{"Forbidden":1,"OK":1},"success_rate":"50.0%","avg_msec":3217,"by_model":{"imagen-4":1},"#
            + #""by_captcha_provider":{"CapSolver":4},"avg_captcha_retry":1,"#
            + #""by_tier":{"(empty)":1,"PAYGATE_TIER_TWO":1},"by_sku":{"(empty)":1,"WS_ULTRA":1},"#
            + #""lookup":{"tiers":{"PAYGATE_TIER_TWO":"Ultra $199"},"skus":{"WS_ULTRA":"Workspace Ultra"}}}"#
        let common = #""config":"a@example.com","endpoint":"post-images","#
        let captcha = #""captchaProviders":"CapSolver,CapSolver","captchaRetry":1,"#
        let rows =
            #"[{"timestamp":"2026-02-13T10:30:00.000Z","jobid":"20260213103000-user:1-bot:google-flow",\#(common)"#
            + #""status":"OK","func":"v1-google-flow-images","code":200,"msec":5432,"model":"imagen-4",\#(captcha)"#
            + #""tier":"PAYGATE_TIER_TWO","sku":"WS_ULTRA"},"#
            + #"{"timestamp":"2026-02-13T12:31:00.000Z","jobid":"20260213123100-user:1-bot:google-flow",\#(common)"#
            + #""status":"Forbidden","func":"v1-google-flow-images","code":403,"msec":1001,\#(captcha)"#
            + #""tier":"","sku":""}]"#
        let response = send(["bot": "google-flow", "date": "2026-02-13"])
        #expect(response.status == 200)
        #expect(
            text(response)
                == #"{"bot":"google-flow","date":"2026-02-13","total":2,"summary":\#(summary),"data":\#(rows)}"#)
    }

    @Test("a day without requests has no summary; without a date it is today")
    func emptyDay() throws {
        #expect(
            text(send(["bot": "kling"])) == #"{"bot":"kling","date":"2026-02-14","total":0,"data":[]}"#)
    }

    @Test("limit selects the last records across all dates, config those of one account")
    func filters() throws {
        for (time, config) in [
            ("2026-02-11T01:00:00Z", "a"), ("2026-02-12T01:00:00Z", "b"), ("2026-02-13T01:00:00Z", "a"),
        ] {
            store.add(UseAPIRequest(time: try at(time), bot: "luma", config: config, endpoint: "post-videos"))
        }
        func times(_ query: [String: String]) -> [String?] {
            send(query).body["data"]?.elements?.map { $0["timestamp"]?.text.map { String($0.prefix(10)) } } ?? []
        }
        #expect(times(["bot": "luma", "limit": "2", "date": "2026-02-01"]) == ["2026-02-12", "2026-02-13"])
        #expect(times(["bot": "luma", "limit": "9", "config": "a"]) == ["2026-02-11", "2026-02-13"])
        #expect(times(["bot": "luma", "date": "2026-02-12", "config": "a"]) == [])
        #expect(times(["bot": "kling", "limit": "9"]) == [])
    }

    @Test(
        "invalid parameters get an error in the documented form",
        arguments: [
            [:], ["bot": ""], ["bot": "nobody"], ["bot": "luma", "date": "2026-02-30"],
            ["bot": "luma", "limit": "50001"], ["bot": "luma", "limit": "0"], ["bot": "luma", "limit": "x"],
        ])
    func validation(query: [String: String]) {
        let response = send(query)
        #expect(response.status == 400)
        #expect(response.body["error"]?.text?.isEmpty == false)
    }

    @Test("without a known token 401, without a subscription 402, 404 for other paths")
    func refusals() {
        #expect(api.account(ofToken: "test-key") == "studio")
        #expect(api.account(ofToken: "wrong") == nil)
        #expect(text(send(["bot": "luma"], account: nil)) == #"{"error":"Unauthorized"}"#)
        #expect(send(["bot": "luma"], account: nil).status == 401)
        #expect(send(["bot": "luma"], account: "lapsed").status == 402)
        #expect(send(endpoint: "/v2/nothing").status == 404)
        #expect(send(endpoint: "/v2/account", account: "lapsed").body["subscriptionIsActive"] == .bool(false))
    }

    @Test("linked accounts have an error count only if there are errors")
    func linkedAccounts() {
        let accounts = send(endpoint: "/v2/account").body["accounts"]
        #expect(accounts?["Midjourney API"] == ["total": .count(3), "active": .count(2), "error": .count(1)])
        #expect(accounts?["Kling API"] == ["total": .count(1), "active": .count(1)])
    }

    @Test("late, revised, removed and outdated requests are shown in their current state")
    func changes() throws {
        func codes(_ date: String) -> [String?] {
            send(["bot": "google-flow", "date": date]).body["data"]?.elements?
                .map { $0["code"]?.number?.description } ?? []
        }
        var late = try flow("2026-02-14T11:59:00Z")
        late.visibleFrom = try at("2026-02-14T12:10:00Z")
        store.add(late)
        let id = store.add(try flow("2026-02-14T11:00:00Z"))
        let other = store.add(try flow("2026-02-14T11:30:00Z"))
        #expect(codes("2026-02-14") == ["200", "200"])
        #expect(store.revise(id, code: 500))
        #expect(store.remove(other))
        #expect(!store.remove(other))
        #expect(!store.revise(other, code: 200))
        clock.move(to: try at("2026-02-14T12:10:00Z"))
        #expect(codes("2026-02-14") == ["500", "200"])
        clock.move(to: try at("2026-05-16T12:00:00Z"))
        #expect(codes("2026-02-14") == [])
    }

    @Test("a retired bot is refused or lists nothing, and other bots are not affected")
    func retiredBots() throws {
        store.add(try flow("2026-02-14T11:00:00Z"))
        store.add(UseAPIRequest(time: clock.now, bot: "kling", config: "c", endpoint: "post-videos"))
        for status in [400, 404, 410] {
            store.retire("google-flow", .refused(status))
            let response = send(["bot": "google-flow"])
            #expect(response.status == status)
            #expect(text(response) == #"{"error":"Bot (google-flow) is discontinued"}"#)
        }
        store.retire("google-flow", .emptied)
        #expect(
            text(send(["bot": "google-flow"]))
                == #"{"bot":"google-flow","date":"2026-02-14","total":0,"data":[]}"#)
        #expect(send(["bot": "kling"]).body["total"] == .count(1))
        store.retire("google-flow", nil)
        #expect(send(["bot": "google-flow"]).body["total"] == .count(1))
    }

    @Test("quirks truncate, delay and hide the list, and return error objects")
    func quirks() throws {
        for minutes in 0..<4 {
            store.add(
                UseAPIRequest(
                    time: try at("2026-02-14T11:50:00Z") + .minutes(3 * minutes), bot: "kling", config: "c",
                    endpoint: "post-videos"))
        }
        func response(_ change: (inout UseAPIQuirks) -> Void) -> SimulatedResponse {
            var account = UseAPIAccount(name: "studio", token: "test-key", store: store)
            change(&account.quirks)
            let request = APIRequest(
                time: clock.now, method: "GET", path: "", endpoint: "/v2/account/stats", query: ["bot": "kling"],
                account: "studio")
            return UseAPIAPI(accounts: [account]).answer(request, style: [])
        }
        func counts(_ change: (inout UseAPIQuirks) -> Void) -> [Int?] {
            let body = response(change).body
            return [body["total"]?.number?.wholeNumber, body["data"]?.elements?.count]
        }
        #expect(counts { _ in } == [4, 4])
        #expect(counts { $0.listLag = .minutes(5) } == [4, 2])
        #expect(counts { $0.hidesRowsOfOpenDay = true } == [4, 0])
        #expect(counts { $0.longestList = 3 } == [4, 3])
        #expect(counts { ($0.longestList, $0.countsListOnly) = (3, true) } == [3, 3])
        let failed = response { $0.errorPercentage = 100 }
        #expect(failed.status == 200)
        #expect(failed.body["total"] == nil)
        #expect(failed.body["error"] != nil)
        #expect(UseAPIQuirks(seed: 7) == UseAPIQuirks(seed: 7))
        #expect(Set((0..<50).map { UseAPIQuirks(seed: $0) }).count > 20)
    }

    @Test("the demo's account has a month of requests of every bot, the same in every run")
    func demo() throws {
        func rows(now: String, bot: String, date: String) throws -> [JSONValue] {
            let clock = ManualClock(try at(now))
            let world = DemoWorld(clock: clock)
            let account = try #require(world.accounts.first { $0.provider == "useapi" })
            let provider = try #require(world.providers.first { $0.name == "useapi" })
            #expect(account.settings.contains { $0.hasPrefix("bots:") && $0.contains(bot) })
            let request = APIRequest(
                time: clock.now, method: "GET", path: "", endpoint: "/v2/account/stats",
                query: ["bot": bot, "date": date], account: provider.account(ofToken: "demo-useapi-clips"))
            return try #require(provider.answer(request, style: []).body["data"]?.elements)
        }
        for bot in ["google-flow", "midjourney", "kling"] {
            for date in ["2026-10-22", "2026-11-19"] {
                let before = try rows(now: "2026-11-20T15:30:00Z", bot: bot, date: date)
                #expect(before.count > 20)
                #expect(try rows(now: "2026-11-20T21:30:00Z", bot: bot, date: date) == before)
            }
        }
    }
}
