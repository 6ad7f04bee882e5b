import Testing
import UsageModel
import Upstream

@testable import Providers

@Suite("A limit that means none")
struct UnlimitedBudgetTests {
    /// A response with a limit, and the source that reads it.
    struct Endpoint: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// The response with `LIMIT` in place of the limit.
        let body: String
        /// The path that it is the response of; every other path responds 404.
        let path: String
        let source: @Sendable (any UpstreamAPI) -> any UsageSource
    }

    static let endpoints = [
        Endpoint(
            testDescription: "FairStack's caps",
            body: """
                {"balance":{"micro":5000000},"caps":{"organization":{"micro":LIMIT,"used_micro":7},
                "project":{"micro":LIMIT,"used_micro":7},"key":{"micro":LIMIT,"used_micro":7}}}
                """,
            path: "/v1/credits", source: { FairStackCreditsSource(api: $0) }),
        Endpoint(
            testDescription: "FairStack's account",
            body: """
                {"data":{"credits":{"balance_microdollars":5000000},
                "spending_cap":{"monthly_microdollars":LIMIT,"used_this_month_microdollars":7}}}
                """,
            path: "/v1/account", source: { FairStackCreditsSource(api: $0) }),
        Endpoint(
            testDescription: "FairStack's keys", body: #"{"keys":[{"id":"k1","name":"web","cap_total_micro":LIMIT}]}"#,
            path: "/v1/api-keys", source: { FairStackKeysSource(api: $0, configured: []) }),
        Endpoint(
            testDescription: "Venice's keys",
            body: """
                {"data":[{"id":"k1","description":"web","consumptionLimits":{"usd":LIMIT,"diem":LIMIT},
                "limitPeriod":"EPOCH","currentPeriodUsage":{"usd":"7","diem":"7"}}]}
                """,
            path: "/api/v1/api_keys", source: { VeniceKeysSource(api: $0) }),
        Endpoint(
            testDescription: "CheapestInference's keys",
            body: #"{"success":true,"data":{"budget":{"spent":7,"limit":LIMIT,"duration":"30d"},"plan":{"slug":"x"}}}"#,
            path: "/v1/usage", source: { CheapestInferenceKeySource(keys: [.init(name: "web", api: $0)]) }),
    ]

    @Test(
        "null, negative, 0 and text are no budget, at every provider", arguments: endpoints,
        ["null", "-1", "0", #""unlimited""#, #""""#])
    func noBudget(endpoint: Endpoint, limit: String) async throws {
        let context = try await sync(endpoint, limit: limit)
        #expect(!context.readings.isEmpty)
        for family in [GaugeFamily.budgetLimit, .budgetLimitCredits] {
            #expect(context.gauges[family, default: []].isEmpty, "\(family)")
        }
    }

    @Test("a positive limit is a budget", arguments: endpoints)
    func budget(endpoint: Endpoint) async throws {
        let context = try await sync(endpoint, limit: "40")
        #expect(context.gauges[.budgetLimit, default: []].allSatisfy { $0.value > 0 })
        #expect(!context.gauges[.budgetLimit, default: []].isEmpty)
    }

    private func sync(_ endpoint: Endpoint, limit: String) async throws -> StoredVisit {
        let context = StoredVisit(now: Timestamp(milliseconds: 1_795_176_000_000))
        let api = AnsweringAPI { path, _ in
            guard path == endpoint.path else {
                throw UpstreamFailure(reason: .http4xx, status: 404, message: "HTTP 404")
            }
            return endpoint.body.replacing("LIMIT", with: limit)
        }
        try await endpoint.source(api).sync(context)
        return context
    }
}
