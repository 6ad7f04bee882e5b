import ProviderSimulator
import TestSupport
import Testing
import UsageModel

@Suite("The simulated WaveSpeedAI API", .timeLimit(.minutes(2)))
struct WaveSpeedAPITests {
    @Test("a response has the documented fields, exact amounts, and no days without usage")
    func documentedForm() async throws {
        let events = [
            try event("2026-02-11T08:00:00Z"),
            try event("2026-02-13T09:00:00Z", cost: "0.976"),
            try event(
                "2026-02-13T10:00:00Z", model: "wavespeed-ai/flux-dev", modality: "text-to-image",
                unitPrice: "0.012", cost: "0", succeeded: false),
        ]
        try await SimulatedWaveSpeed.run(events: events) { simulated in
            let response = try await simulated.usage(from: "2026-02-10T00:00:00Z", to: "2026-02-14T23:59:59Z")
            #expect(response.status == 200)
            #expect(response.headers["content-type"] == "application/json")
            let kling = #""model_uuid":"kwaivgi/kling-v2.0-i2v-master""#
            let flux = #""model_uuid":"wavespeed-ai/flux-dev""#
            let perModel =
                #"[{\#(kling),"model_type":"image-to-video","unit_price":0.488,"total_cost":1.464,"total_count":2,"#
                + #""last_used_date":"2026-02-13"},{\#(flux),"model_type":"text-to-image","unit_price":0.012,"#
                + #""total_cost":0,"total_count":1,"last_used_date":"2026-02-13"}]"#
            let daily =
                #"[{"date":"2026-02-11","amount":0.488,"count":1,"models":[{\#(kling),"amount":0.488,"count":1}]},"#
                + #"{"date":"2026-02-13","amount":0.976,"count":2,"models":[{\#(kling),"amount":0.976,"count":1},"#
                + #"{\#(flux),"amount":0,"count":1}]}]"#
            let summary = #"{"total_cost":1.464,"total_requests":3,"success_requests":2}"#
            let expected =
                #"{"code":200,"message":"success","data":{"per_model_usage":\#(perModel),"daily_usage":\#(daily),"#
                + #""summary":\#(summary)}}"#
            #expect(response.text == expected)
        }
    }

    @Test("amounts beyond the precision of a Double are exact")
    func exactAmounts() async throws {
        let events = [
            try event("2026-02-13T01:00:00Z", cost: "123456789012.00000001"),
            try event("2026-02-13T02:00:00Z", cost: "0.1"), try event("2026-02-13T03:00:00Z", cost: "0.2"),
        ]
        try await SimulatedWaveSpeed.run(events: events) { simulated in
            let response = try await simulated.usage(from: "2026-02-13T00:00:00Z", to: "2026-02-13T23:59:59Z")
            #expect(response.text.contains(#""total_cost":123456789012.30000001,"#))
        }
    }

    @Test("model_uuid filters the models, the days and the summary")
    func filter() async throws {
        let events = [
            try event("2026-02-12T08:00:00Z"), try event("2026-02-13T08:00:00Z", model: "a/b", cost: "2"),
            try event("2026-02-13T09:00:00Z", model: "a/b", cost: "0", succeeded: false),
        ]
        try await SimulatedWaveSpeed.run(events: events) { simulated in
            let response = try await simulated.usage(
                from: "2026-02-10T00:00:00Z", to: "2026-02-14T23:59:59Z", model: "a/b")
            let data = try #require(try response.json()["data"])
            #expect(data["per_model_usage"]?.elements?.map { $0["model_uuid"]?.text } == ["a/b"])
            #expect(data["daily_usage"]?.elements?.map { $0["date"]?.text } == ["2026-02-13"])
            #expect(data["daily_usage"]?.elements?.first?["amount"]?.number == ExactDecimal(2))
            #expect(data["summary"]?["total_requests"]?.number == ExactDecimal(2))
            #expect(data["summary"]?["success_requests"]?.number == ExactDecimal(1))
            let none = try await simulated.summary(from: "2026-02-10T00:00:00Z", to: "2026-02-14T23:59:59Z", model: "x")
            #expect(none == ["0", "0", "0"])
        }
    }

    @Test("start and end are inclusive to the second, also within a day")
    func inclusiveBounds() async throws {
        let events = [
            try event("2026-02-12T23:59:59.999Z", cost: "1"), try event("2026-02-13T00:00:00Z", cost: "10"),
            try event("2026-02-13T08:30:15.999Z", cost: "100"), try event("2026-02-13T08:30:16Z", cost: "1000"),
            try event("2026-02-13T23:59:59.999Z", cost: "10000"), try event("2026-02-14T00:00:00Z", cost: "100000"),
        ]
        try await SimulatedWaveSpeed.run(events: events) { simulated in
            let day = try await simulated.summary(from: "2026-02-13T00:00:00Z", to: "2026-02-13T23:59:59Z")
            #expect(day == ["11110", "4", "4"])
            let morning = try await simulated.summary(from: "2026-02-13T00:00:00Z", to: "2026-02-13T08:30:15Z")
            #expect(morning == ["110", "2", "2"])
            let zoned = try await simulated.summary(from: "2026-02-13T10:30:16+02:00", to: "2026-02-14T02:00:00+02:00")
            #expect(zoned == ["111000", "3", "3"])
        }
    }

    @Test(
        "an invalid time range gets the documented error",
        arguments: [
            (#"{"start_time":"2026-02-02T00:00:00Z","end_time":"2026-02-01T00:00:00Z"}"#, "invalid time range"),
            (#"{"start_time":"2026-02-01T00:00:00Z","end_time":"2026-02-01T00:00:00Z"}"#, "invalid time range"),
            (#"{"start_time":"yesterday","end_time":"2026-02-01T00:00:00Z"}"#, "invalid time range"),
            (#"{"end_time":"2026-02-01T00:00:00Z"}"#, "invalid time range"),
            ("not JSON", "invalid time range"),
            (
                #"{"start_time":"2026-01-01T00:00:00Z","end_time":"2026-02-01T00:00:01Z"}"#,
                "time range cannot exceed 31 days"
            ),
        ])
    func badRange(body: String, message: String) async throws {
        try await SimulatedWaveSpeed.run { simulated in
            let response = try await simulated.ask("/wavespeed/api/v3/user/usage_stats", post: body)
            #expect(response.status == 400)
            #expect(response.text == #"{"code":400,"message":"\#(message)"}"#)
        }
    }

    @Test("a range of exactly 31 days is allowed")
    func longestRange() async throws {
        try await SimulatedWaveSpeed.run { simulated in
            let response = try await simulated.usage(from: "2026-01-01T00:00:00Z", to: "2026-02-01T00:00:00Z")
            #expect(response.status == 200)
        }
    }

    @Test("a missing and an unknown key get the documented 401", arguments: [nil, "wrong", ""])
    func unauthorized(token: String?) async throws {
        try await SimulatedWaveSpeed.run(events: [try event("2026-02-13T08:00:00Z")]) { simulated in
            let usage = try await simulated.usage(
                from: "2026-02-13T00:00:00Z", to: "2026-02-13T23:59:59Z", token: token)
            #expect(usage.status == 401)
            #expect(usage.text == #"{"code":401,"message":"access_key is required"}"#)
            #expect(try await simulated.ask("/wavespeed/api/v3/balance", token: token).status == 401)
            #expect(simulated.server.log.requests.map(\.account) == [nil, nil])
        }
    }

    @Test("each key sees only its own account")
    func separateAccounts() async throws {
        let clock = ManualClock(try at("2026-02-14T12:00:00Z"))
        let accounts = try ["one": "1.5", "two": "2.5"].map { name, cost in
            let store = UsageEventStore(clock: clock)
            store.add(try event("2026-02-13T08:00:00Z", cost: cost))
            return WaveSpeedAccount(
                name: name, token: "key-\(name)", store: store, balance: PrepaidBalance(opening: ExactDecimal(10)))
        }
        try await SimulatedWaveSpeed.run { other in
            try await withSimulator([WaveSpeedAPI(accounts: accounts)], clock: clock) { server, baseURL in
                let simulated = SimulatedWaveSpeed(
                    clock: clock, store: other.store, server: server, baseURL: baseURL, client: other.client)
                for (name, left) in [("one", "8.5"), ("two", "7.5")] {
                    let response = try await simulated.ask("/wavespeed/api/v3/balance", token: "key-\(name)")
                    #expect(response.text == #"{"code":200,"message":"success","data":{"balance":\#(left)}}"#)
                }
                #expect(server.log.requests.map(\.account) == ["one", "two"])
                #expect(other.baseURL != baseURL)
            }
        }
    }

    @Test("usage under no model is in the totals but not in the model lists")
    func unlistedUsage() async throws {
        let events = [
            try event("2026-02-13T08:00:00Z", cost: "1"), try event("2026-02-13T09:00:00Z", model: "", cost: "2"),
        ]
        try await SimulatedWaveSpeed.run(events: events) { simulated in
            let response = try await simulated.usage(from: "2026-02-13T00:00:00Z", to: "2026-02-13T23:59:59Z")
            let data = try #require(try response.json()["data"])
            #expect(data["summary"]?["total_cost"]?.number == ExactDecimal(3))
            #expect(data["daily_usage"]?.elements?.first?["amount"]?.number == ExactDecimal(3))
            #expect(data["daily_usage"]?.elements?.first?["models"]?.elements?.count == 1)
            #expect(data["per_model_usage"]?.elements?.map { $0["total_cost"]?.number } == [ExactDecimal(1)])
        }
    }

    @Test("the balance decreases by the shown usage and is topped up when low")
    func balance() async throws {
        let rule = PrepaidBalance.TopUp(below: ExactDecimal(20), amount: ExactDecimal(50))
        let events = [
            try event("2026-02-14T11:00:00Z", cost: "40"), try event("2026-02-14T12:30:00Z", cost: "44.75"),
        ]
        try await SimulatedWaveSpeed.run(
            events: events, balance: PrepaidBalance(opening: ExactDecimal(100), topUp: rule)
        ) { simulated in
            let first = try await simulated.balance()
            #expect(first.text == #"{"code":200,"message":"success","data":{"balance":60}}"#)
            simulated.clock.move(to: try at("2026-02-14T13:00:00Z"))
            let second = try await simulated.balance()
            #expect(second.text == #"{"code":200,"message":"success","data":{"balance":65.25}}"#)
        }
    }

    @Test("an unknown path gets a 404 in the provider's form, an unknown provider a plain 404")
    func unknownPaths() async throws {
        try await SimulatedWaveSpeed.run { simulated in
            let unknown = try await simulated.ask("/wavespeed/api/v3/predictions")
            #expect(unknown.status == 404)
            #expect(unknown.text == #"{"code":404,"message":"not found"}"#)
            #expect(try await simulated.ask("/nobody/api").status == 404)
        }
    }
}
