import ProviderSimulator
import TestSupport
import Testing
import UsageModel

@Suite("The simulated CheapestInference API")
struct CheapestInferenceAPITests {
    private struct Simulated {
        let clock: ManualClock
        let key: CheapestInferenceKey
        let api: CheapestInferenceAPI

        init(wrapsUsage: Bool = false, management: CheapestInferenceAPI.Management? = .newer) throws {
            clock = ManualClock(try at("2026-02-01T10:00:00Z"))
            var properties = CheapestInferenceKey.Properties(
                id: "key-uuid", name: "prod-key", token: "sk", createdAt: try at("2026-01-15T10:00:00Z"))
            properties.plan = "standard"
            properties.expiresAt = try at("2026-02-15T10:00:00Z")
            properties.budgetLimit = ExactDecimal(10)
            key = CheapestInferenceKey(properties, clock: clock)
            var plan = CheapestInferenceSubscription(
                id: "sub", slug: "pro", isPool: false, periodEnd: try at("2026-02-15T10:00:00Z"))
            plan.keyIDs = ["key-uuid"]
            var pledge = CheapestInferenceSubscription(
                id: "pledge", slug: "kimi26", isPool: true, periodEnd: try at("2026-02-15T10:00:00Z"))
            pledge.cancelsAtPeriodEnd = true
            let account = CheapestInferenceAccount(
                name: "ci", managementToken: "mk", keys: [key], balance: PrepaidBalance(opening: ExactDecimal(5)),
                subscriptions: management == .older ? [plan] : [pledge])
            api = CheapestInferenceAPI(accounts: [account], wrapsUsage: wrapsUsage, management: management)
        }

        func pass(_ duration: Duration) { clock.move(to: clock.now + duration) }

        func get(_ endpoint: String, token: String = "mk", style: AnswerStyle = []) -> SimulatedResponse {
            api.answer(
                APIRequest(
                    time: clock.now, method: "GET", path: "/cheapestinference" + endpoint, endpoint: endpoint,
                    account: api.account(ofToken: token)), style: style)
        }

        func text(_ endpoint: String, token: String = "mk", style: AnswerStyle = []) -> String {
            String(decoding: get(endpoint, token: token, style: style).body.encoded(), as: UTF8.self)
        }
    }

    private func request(_ time: String, _ cost: String = "0.5", visibleFrom: String? = nil) throws
        -> CheapestInferenceRequest
    {
        CheapestInferenceRequest(
            time: try at(time), cost: try usd(cost), promptTokens: 100, completionTokens: 7,
            visibleFrom: try visibleFrom.map(at))
    }

    @Test("responses have the documented fields in the documented order")
    func documentedForms() throws {
        let simulated = try Simulated()
        simulated.key.add(try request("2026-02-01T09:30:00Z", "1.23"))
        #expect(
            simulated.text("/v1/usage", token: "sk")
                == #"{"budget":{"spent":1.23,"limit":10,"duration":"30d","resets_at":"2026-02-14T10:00:00.000Z"},"#
                + #""rate_limits":{"rpm":60,"tpm":3333},"plan":{"slug":"standard","status":"active","#
                + #""expires_at":"2026-02-15T10:00:00.000Z"},"credits":{"balance":3.77},"key":{"name":"prod-key","#
                + #""type":"subscription","created_at":"2026-01-15T10:00:00.000Z"}}"#)
        let one = #"{"requests":1,"tokens":107,"promptTokens":100,"completionTokens":7}"#
        let item =
            #"{"id":"key-uuid","name":"prod-key","type":"subscription","plan":"standard","isActive":true,"#
            + #""usage":{"last1h":\#(one),"last24h":\#(one),"last7d":\#(one),"last30d":\#(one)},"#
            + #""subscription":{"status":"active","expiresAt":"2026-02-15T10:00:00.000Z"},"#
            + #""createdAt":"2026-01-15T10:00:00.000Z"}"#
        #expect(simulated.text("/api/usage") == #"{"success":true,"data":[\#(item)]}"#)
        #expect(simulated.text("/api/usage/key-uuid") == #"{"success":true,"data":\#(item)}"#)
        #expect(simulated.get("/api/plans", token: "").body.elements?.first?["priceUsdc"]?.text == "20")
    }

    @Test("keys and billing have the fields of the newer documentation")
    func newerManagement() throws {
        let simulated = try Simulated()
        simulated.key.add(try request("2026-02-01T09:30:00Z", "1.23"))
        #expect(
            simulated.text("/api/billing/credits")
                == #"{"success":true,"data":{"totalTopUp":5,"remaining":3.77,"hasCreditKey":false,"#
                + #""creditKeyCount":0,"userId":"ci_user_simulated"}}"#)
        #expect(
            simulated.text("/api/keys")
                == #"{"success":true,"data":[{"id":"key-uuid","name":"prod-key","keyPlan":"pool","#
                + #""keyType":"subscription","apiKey":"sk-listed-key-uuid","isActive":true,"#
                + #""subscriptionId":"sub-key-uuid","subscriptionStatus":"active","#
                + #""subscriptionExpiresAt":"2026-02-15T10:00:00.000Z","createdAt":"2026-01-15T10:00:00.000Z","#
                + #""lastUsedAt":"2026-02-01T09:30:00.000Z"}]}"#)
        #expect(
            simulated.text("/api/billing/status")
                == #"{"success":true,"data":{"subscriptions":[],"poolPledges":[{"id":"pledge","poolId":"pool-kimi26","#
                + #""poolSlug":"kimi26","status":"active","currentPeriodEnd":"2026-02-15T10:00:00.000Z","#
                + #""cancelAtPeriodEnd":true,"hasKey":false}],"plan":null,"status":"active","creditBalance":3.77,"#
                + #""stripeCustomerId":"cus_simulated","subscriptionExpiresAt":null,"legacySubscriptionKeys":[]}}"#)
        simulated.pass(.days(14))
        let pledge = simulated.get("/api/billing/status").body["data"]?["poolPledges"]?.elements?.first
        #expect(pledge?["status"]?.text == "canceled")
        #expect(simulated.get("/v1/usage", token: "sk").body["plan"]?["status"]?.text == "expired")
    }

    @Test("keys and billing have the fields of the older documentation")
    func olderManagement() throws {
        let simulated = try Simulated(management: .older)
        #expect(
            simulated.text("/api/billing/credits")
                == #"{"totalTopUp":"5","remaining":"5","hasCreditKey":false}"#)
        #expect(
            simulated.text("/api/keys")
                == #"[{"id":"key-uuid","name":"prod-key","keyPlan":"standard","keyType":"subscription","#
                + #""isActive":true,"subscriptionStatus":"active","#
                + #""subscriptionExpiresAt":"2026-02-15T10:00:00.000Z","createdAt":"2026-01-15T10:00:00.000Z"}]"#)
        #expect(
            simulated.text("/api/billing/status")
                == #"{"subscriptions":[{"id":"sub","planSlug":"pro","status":"active","#
                + #""currentPeriodEnd":"2026-02-15T10:00:00.000Z","cancelAtPeriodEnd":false,"keyCount":1,"#
                + #""keys":[{"id":"key-uuid","name":"prod-key"}]}],"creditBalance":"5","legacySubscriptionKeys":[]}"#)
    }

    @Test("windows exclude their start and include now; late requests appear once they are visible")
    func windows() throws {
        let simulated = try Simulated()
        simulated.key.add([
            try request("2026-02-01T09:00:00Z"), try request("2026-02-01T09:00:00.001Z"),
            try request("2026-02-01T10:00:00Z"), try request("2026-02-01T10:00:00.001Z"),
            try request("2026-02-01T09:20:00Z", visibleFrom: "2026-02-01T10:30:00Z"),
        ])
        #expect(simulated.key.rolling(.hours(1)).requests == 2)
        #expect(simulated.key.rolling(.hours(24)).requests == 3)
        simulated.pass(.minutes(30))
        #expect(simulated.key.rolling(.hours(1)).requests == 2)
        #expect(simulated.key.rolling(.hours(2)).requests == 5)
    }

    @Test("spending restarts at zero when a budget period ends")
    func budget() throws {
        let simulated = try Simulated()
        simulated.key.add([try request("2026-02-14T09:59:59Z", "3"), try request("2026-02-14T10:00:00Z", "4")])
        simulated.pass(.days(13) - .seconds(1))
        #expect(simulated.key.spent == ExactDecimal(3))
        simulated.pass(.seconds(1))
        #expect(simulated.key.spent == ExactDecimal(4))
        #expect(simulated.key.budgetPeriod.end == simulated.clock.now + .days(30))
    }

    @Test("keys of the wrong kind, deactivated keys and unknown ids get their documented statuses")
    func errors() throws {
        let simulated = try Simulated(management: nil)
        #expect(simulated.get("/v1/usage", token: "nobody").status == 401)
        #expect(simulated.get("/v1/usage", token: "mk").status == 401)
        #expect(simulated.get("/api/usage", token: "sk").status == 401)
        #expect(simulated.get("/api/usage/other").status == 404)
        for path in ["/api/billing/credits", "/api/billing/status", "/api/keys"] {
            #expect(simulated.get(path).status == 404)
        }
        #expect(simulated.get("/nothing").status == 404)
        simulated.key.setActive(false)
        #expect(simulated.get("/v1/usage", token: "sk").status == 403)
    }

    @Test("the thirteenth usage request within 12 hours is refused, and allowed again once the first is 12 hours old")
    func allowance() throws {
        let simulated = try Simulated()
        for number in 0..<12 {
            #expect(simulated.get(number % 2 == 0 ? "/api/usage" : "/api/usage/key-uuid").status == 200)
            simulated.pass(.minutes(1))
        }
        let refusal = simulated.get("/api/usage")
        #expect(refusal.status == 429)
        #expect(refusal.headers[.retryAfter] == "\(12 * 3600 - 720)")
        simulated.pass(.hours(12) - .minutes(12))
        #expect(simulated.get("/api/usage").status == 200)
        #expect(simulated.get("/api/usage").status == 429)
    }

    @Test("optional fields may be omitted, and usage may be wrapped")
    func styles() throws {
        let simulated = try Simulated(wrapsUsage: true)
        #expect(
            simulated.text("/v1/usage", token: "sk", style: .withoutOptionalFields)
                == #"{"success":true,"data":{"budget":{"spent":0,"limit":10}}}"#)
    }

    @Test("the demo's account has a month of usage under each key, within its budgets")
    func demo() throws {
        let clock = ManualClock(try at("2026-11-20T15:30:00Z"))
        let world = DemoWorld(clock: clock)
        let names = ["assistant", "search", "nightly-batch"]
        let api = try #require(world.providers.first { $0.name == "cheapestinference" })
        let response = api.answer(
            APIRequest(
                time: clock.now, method: "GET", path: "", endpoint: "/api/usage",
                account: api.account(ofToken: "demo-mk-inference")), style: [])
        let keys = try #require(response.body["data"]?.elements)
        #expect(keys.map { $0["name"]?.text } == names)
        for key in keys {
            let month = try #require(key["usage"]?["last30d"]?["requests"]?.number)
            #expect(month > ExactDecimal(10_000))
        }
        for name in names {
            let usage = api.answer(
                APIRequest(
                    time: clock.now, method: "GET", path: "", endpoint: "/v1/usage",
                    account: api.account(ofToken: "demo-sk-\(name)")), style: []
            ).body
            let spent = try #require(usage["budget"]?["spent"]?.number)
            if let limit = usage["budget"]?["limit"]?.number { #expect(spent < limit) }
            #expect(spent > ExactDecimal(1))
        }
    }
}
