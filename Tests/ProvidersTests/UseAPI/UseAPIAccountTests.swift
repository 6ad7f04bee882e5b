import Testing
import UsageModel
import Upstream

@testable import Providers

@Suite struct UseAPIAccountTests {
    private func gauges(_ json: String) throws -> [GaugeFamily: [GaugeSample]] {
        try JSONBody.decode(UseAPIAccountStatus.self, from: UpstreamResponse(json: json)).reading.gauges
    }

    @Test func subscriptionAndLinkedAccountsBecomeGauges() throws {
        let gauges = try gauges(
            """
            {"id":1,"email":"me@example.com","subscriptionIsActive":true,"subscriptions":1,"sub":"250405","accounts":{
            "Midjourney API":{"total":3,"active":2,"error":1},"MiniMax API":{"total":"3","active":"3"},
            "Odd":{"total":5,"active":1,"error":1},"Null":{"total":null,"active":-1},"None":null}}
            """)
        #expect(gauges[.planInfo] == [GaugeSample(["", "subscription", "active"], 1)])
        #expect(
            gauges[.upstreamAccounts] == [
                GaugeSample(["Midjourney API", "active"], 2), GaugeSample(["Midjourney API", "error"], 1),
                // A count of errors is left out where it is 0.
                GaugeSample(["MiniMax API", "active"], 3), GaugeSample(["MiniMax API", "error"], 0),
                GaugeSample(["Odd", "active"], 1), GaugeSample(["Odd", "error"], 1), GaugeSample(["Odd", ""], 3),
            ])
    }

    @Test(arguments: [
        ("true", "active"), ("false", "inactive"), ("\"true\"", "active"), ("0", "inactive"), ("1", "active"),
        ("\"False\"", "inactive"),
    ])
    func subscriptionIsReadInAnyNotation(value: String, status: String) throws {
        let gauges = try gauges(#"{"subscriptionIsActive":\#(value)}"#)
        #expect(gauges[.planInfo] == [GaugeSample(["", "subscription", status], 1)])
    }

    @Test(arguments: [
        #"{"id":1,"email":"me@example.com"}"#, #"{"subscriptionIsActive":null,"accounts":null}"#,
        #"{"subscriptionIsActive":"soon"}"#,
    ])
    func missingFieldsYieldNoSeries(json: String) throws {
        #expect(try gauges(json) == [.planInfo: [], .upstreamAccounts: []])
    }

    @Test(arguments: ["{}", #"{"error":"Unauthorized"}"#, #"{"error":{"code":500},"accounts":{}}"#, "[]", "null"])
    func responseWithoutAccountFieldsFailsWithoutCommit(json: String) async throws {
        let context = StoredVisit(now: Timestamp(seconds: 1_770_994_800))
        let failure = await #expect(throws: SourceFailure.self) {
            try await UseAPIAccountSource(api: AnsweringAPI { _, _ in json }).sync(context)
        }
        #expect(failure?.reason == .decode)
        #expect(context.readings.isEmpty)
    }

    @Test func invalidCountIsSkippedWithARemark() async throws {
        let context = StoredVisit(now: Timestamp(seconds: 1_770_994_800))
        let json =
            #"{"subscriptionIsActive":"soon","accounts":{"A":{"total":"?","active":2},"B":"none","C":{"active":1}}}"#
        try await UseAPIAccountSource(api: AnsweringAPI { _, _ in json }).sync(context)
        #expect(context.gauges[.planInfo] == [])
        #expect(
            context.gauges[.upstreamAccounts] == [GaugeSample(["A", "active"], 2), GaugeSample(["C", "active"], 1)])
        #expect(context.remarks.count == 3)
        #expect(context.remarks.contains { $0.hasPrefix("accounts.A.total: ") })
    }
}
