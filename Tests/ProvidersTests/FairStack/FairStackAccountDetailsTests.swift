import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of `GET /v1/account`, which replaces `GET /v1/credits` where that is missing or forbidden.
@Suite struct FairStackAccountDetailsTests {
    /// 2026-12-31T23:59:00Z.
    private static let now = Timestamp(seconds: 1_798_761_540)

    /// The response that FairStack's CLI reads, with all of its fields.
    static let example = """
        {"id":"usr_8f","name":"Ada Example","email":"ada@example.com","plan":{"name":"Pro"},
        "credits":{"balance_microdollars":12345678,"balance_usd":12.35},
        "spending_cap":{"monthly_microdollars":250000000,"monthly_usd":250,
        "used_this_month_microdollars":99000001,"used_this_month_usd":99}}
        """

    private func gauges(_ json: String) throws -> [GaugeFamily: [GaugeSample]] {
        try FairStackBody<FairStackAccountDetails>.payload(of: answer(json)).gauges(at: Self.now).families
    }

    /// An API whose endpoints respond with a body, or with a status from 400 on.
    private func api(_ responses: [String: String], reason: FailureReason = .auth) -> AnsweringAPI {
        AnsweringAPI { path, _ in
            let response = responses[path] ?? "404"
            guard let status = Int(response) else { return response }
            throw UpstreamFailure(
                reason: status == 403 ? reason : .http4xx, status: status, message: "HTTP \(status) of \(path)")
        }
    }

    private func sync(_ context: StoredVisit, _ responses: [String: String]) async throws {
        try await FairStackCreditsSource(api: api(responses)).sync(context)
    }

    @Test("balance, monthly cap and plan are read in both forms of a body", arguments: [true, false])
    func fields(isWrapped: Bool) throws {
        let gauges = try gauges(isWrapped ? "{\"request_id\":\"r\",\"data\":\(Self.example)}" : Self.example)
        let labels = ["", "organization"]
        #expect(gauges[.balanceUSD] == [GaugeSample([], 12.345678)])
        #expect(gauges[.budgetLimit] == [GaugeSample(labels, 250)])
        #expect(gauges[.budgetSpent] == [GaugeSample(labels, 99.000001)])
        #expect(gauges[.budgetPeriod] == [GaugeSample(labels, 31 * 86_400)])
        let january = try #require(UTCDay("2027-01-01"))
        #expect(gauges[.budgetReset] == [GaugeSample(labels, january.start.seconds)])
        #expect(gauges[.planInfo] == [GaugeSample(["", "Pro", ""], 1)])
        #expect(gauges[.balanceCredits] == [])
        let labelValues = gauges.values.joined().flatMap(\.labels)
        #expect(labelValues.allSatisfy { !$0.contains("Ada") && !$0.contains("@") && !$0.contains("usr_") })
    }

    @Test("amounts in USD are used where those in micro-USD are missing")
    func amountsInUSD() throws {
        let gauges = try gauges(
            #"{"credits":{"balance_usd":"12.345678"},"spending_cap":{"monthly_usd":"250.10","used_this_month_usd":0}}"#)
        #expect(gauges[.balanceUSD] == [GaugeSample([], 12.345678)])
        #expect(gauges[.budgetLimit] == [GaugeSample(["", "organization"], 250.1)])
        #expect(gauges[.budgetSpent] == [GaugeSample(["", "organization"], 0)])
    }

    @Test(
        "a cap without a limit is no budget", arguments: ["null", "0", "-1", "\"unlimited\"", "{}"])
    func noLimit(limit: String) throws {
        let gauges = try gauges(
            "{\"spending_cap\":{\"monthly_microdollars\":\(limit),\"monthly_usd\":\(limit),"
                + "\"used_this_month_microdollars\":5}}")
        #expect(gauges.values.allSatisfy { $0.isEmpty })
    }

    @Test("decorations that cannot be read are absent with a remark, and the balance is served")
    func invalidDecorations() async throws {
        let context = StoredVisit(now: Self.now)
        let body = """
            {"credits":{"balance_microdollars":1500000,"balance_usd":"$1.50"},"plan":7,
            "spending_cap":{"monthly_microdollars":2000000,"used_this_month_microdollars":"∞"}}
            """
        try await sync(context, ["/v1/account": body])
        #expect(context.gauges[.balanceUSD] == [GaugeSample([], 1.5)])
        #expect(context.gauges[.budgetLimit] == [GaugeSample(["", "organization"], 2)])
        #expect(context.gauges[.budgetSpent] == [])
        #expect(context.remarks.count == 2)
    }

    @Test("a balance that cannot be read fails", arguments: ["1.5", "\"x\"", "true", "{}"])
    func invalidBalance(balance: String) {
        let failure = #expect(throws: SourceFailure.self) {
            try gauges("{\"credits\":{\"balance_microdollars\":\(balance)},\"plan\":{\"name\":\"Pro\"}}")
        }
        #expect(failure?.reason == .decode)
    }

    @Test(
        "a response without documented fields fails and keeps the last gauges",
        arguments: [
            "{}", "[]", #"{"data":null}"#, #"{"error":{"code":"x"},"credits":null}"#,
            #"{"request_id":"r","data":{"error":"x"}}"#, #"{"id":"usr_8f","email":"ada@example.com"}"#,
        ])
    func unexpectedResponse(json: String) async throws {
        let context = StoredVisit(now: Self.now)
        try await sync(context, ["/v1/account": Self.example])
        let failure = await #expect(throws: SourceFailure.self) {
            try await sync(context, ["/v1/account": json])
        }
        #expect(failure?.reason == .decode)
        #expect(failure?.message.contains("ada@") == false)
        #expect(context.gauges[.balanceUSD] == [GaugeSample([], 12.345678)])
    }

    @Test("account is read if credits is missing, closed or forbidden", arguments: ["404", "410", "403"])
    func replacement(status: String) async throws {
        let context = StoredVisit(now: Self.now)
        let api = api(["/v1/credits": status, "/v1/account": Self.example])
        try await FairStackCreditsSource(api: api).sync(context)
        #expect(context.gauges[.balanceUSD] == [GaugeSample([], 12.345678)])
        #expect(context.gauges[.budgetLimit]?.count == 1)
        #expect(api.takeRequests() == ["/v1/credits", "/v1/account"])
    }

    @Test("account is not read if credits is available or fails in another way")
    func noReplacement() async throws {
        let available = api(["/v1/credits": #"{"balance":{"micro":1}}"#, "/v1/account": Self.example])
        try await FairStackCreditsSource(api: available).sync(StoredVisit(now: Self.now))
        #expect(available.takeRequests() == ["/v1/credits"])
        // A firewall's page has the status 403 and another reason.
        let blocked = api(["/v1/credits": "403", "/v1/account": Self.example], reason: .http4xx)
        await #expect(throws: UpstreamFailure.self) {
            try await FairStackCreditsSource(api: blocked).sync(StoredVisit(now: Self.now))
        }
        #expect(blocked.takeRequests() == ["/v1/credits"])
        await #expect(throws: SourceFailure.self) {
            try await sync(StoredVisit(now: Self.now), ["/v1/credits": #"{"error":{}}"#, "/v1/account": Self.example])
        }
    }

    @Test("an account without either endpoint has no series, and a lost permission keeps the last ones")
    func unavailable() async throws {
        let context = StoredVisit(now: Self.now)
        try await sync(context, ["/v1/account": "403"])
        #expect(context.gauges == FairStackMoneyGauges().families)
        await #expect(throws: UpstreamFailure.self) {
            try await sync(context, ["/v1/credits": "403", "/v1/account": "403"])
        }
        try await sync(context, ["/v1/account": Self.example])
        let lost = await #expect(throws: UpstreamFailure.self) {
            try await sync(context, ["/v1/account": "403"])
        }
        #expect(lost?.message.contains("/v1/account") == true)
        #expect(context.gauges[.balanceUSD] == [GaugeSample([], 12.345678)])
    }

    @Test("the month is that of the provider's clock")
    func providersMonth() async throws {
        let context = StoredVisit(now: Self.now + .days(3))
        try await FairStackCreditsSource(api: DatedAPI(body: Self.example)).sync(context)
        let january = try #require(UTCDay("2027-01-01"))
        #expect(context.gauges[.budgetReset]?.map(\.value) == [january.start.seconds])
    }
}

/// An API with `GET /v1/account` only, whose responses are dated.
private struct DatedAPI: UpstreamAPI {
    let body: String

    func send(_ call: UpstreamCall) async throws -> UpstreamResponse {
        guard call.path == "/v1/account" else {
            throw UpstreamFailure(reason: .http4xx, status: 404, message: "not found")
        }
        return UpstreamResponse(
            status: 200, headers: ["date": "Thu, 31 Dec 2026 23:59:30 GMT"], body: Array(body.utf8))
    }
}
