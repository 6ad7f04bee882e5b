import ProviderSimulator
import TestSupport
import Testing
import UsageModel

@Suite("The simulated OpenAI API")
struct OpenAIAPITests {
    private static let now = "2026-03-10T15:00:00Z"

    /// An account with usage of two keys today, one of them shown later, and a key that was deleted.
    private func account() throws -> OpenAIAccount {
        let now = try at(Self.now)
        let store = OpenAIStore(clock: ManualClock(now))
        store.add(
            OpenAIUse(
                time: now - .hours(1), keyID: "key_a", model: "m", input: 1000, cached: 400, output: 10,
                price: ExactDecimal(1)))
        var late = OpenAIUse(
            time: now - .hours(1), keyID: "key_b", model: "m", lines: [.init("m, input", ExactDecimal(3))])
        late.visibleFrom = now + .hours(1)
        store.add(late)
        var keys = ["key_a", "key_b"].map { OpenAIProjectKey(id: $0, name: "k", created: now - .days(2)) }
        keys[1].isDeleted = true
        return OpenAIAccount(name: "gpt", token: "admin", store: store, keys: keys)
    }

    private func send(
        _ endpoint: String, _ query: [String: String] = [:], known: Bool = true
    ) throws -> SimulatedResponse {
        let path = "/v1/organization/" + endpoint
        let request = APIRequest(
            time: try at(Self.now), method: "GET", path: "/openai" + path, endpoint: path, query: query,
            account: known ? "gpt" : nil)
        return OpenAIAPI(accounts: [try account()]).answer(request, style: [])
    }

    private func range(_ others: [String: String] = [:]) throws -> [String: String] {
        let start = try at(Self.now).day.start.milliseconds / 1000
        return ["start_time": "\(start)", "bucket_width": "1d"].merging(others) { $1 }
    }

    @Test("costs and usage are listed by day, in total or by key, in the documented form")
    func buckets() throws {
        let total = try send("costs", range()).body["data"]?.elements
        #expect(total?.count == 1)
        let amount = total?.first?["results"]?.elements?.first?["amount"]
        // 600 tokens at 10 USD a million, 400 at 1 and 10 at 40.
        #expect(amount?["value"]?.text == "0.0068")
        #expect(amount?["currency"]?.text == "usd")
        let lines = try send("costs", range(["group_by[]": "line_item,api_key_id"])).body["data"]?.elements?.first
        #expect(
            Set(lines?["results"]?.elements?.compactMap { $0["line_item"]?.text } ?? []) == [
                "m, input", "m, cached input", "m, output",
            ])
        let usage = try send("usage/completions", range(["group_by[]": "model,api_key_id"])).body["data"]?.elements?
            .first
        let row = usage?["results"]?.elements?.first
        #expect(row?["api_key_id"]?.text == "key_a")
        #expect(row?["input_tokens"]?.number == ExactDecimal(1000))
        #expect(row?["input_cached_tokens"]?.number == ExactDecimal(400))
    }

    @Test("invalid queries, unknown paths and keys get the documented errors")
    func errors() throws {
        #expect(try send("costs", range(), known: false).status == 401)
        #expect(try send("costs").status == 400)
        #expect(try send("costs", range(["limit": "181"])).status == 400)
        #expect(try send("usage/completions", range(["limit": "32"])).status == 400)
        let future = try at(Self.now).milliseconds / 1000 + 60
        #expect(try send("costs", range(["end_time": "\(future)"])).status == 400)
        #expect(try send("usage/unknown", range()).status == 404)
        #expect(try send("spend_limit").status == 404)
        #expect(try send("projects/proj_other/api_keys").status == 404)
        #expect(try send("costs").body["error"]?["message"]?.text != nil)
    }

    @Test("deleted keys are not listed")
    func keys() throws {
        let keys = try send("projects/proj_demo/api_keys").body["data"]?.elements
        #expect(keys?.compactMap { $0["id"]?.text } == ["key_a"])
    }
}
