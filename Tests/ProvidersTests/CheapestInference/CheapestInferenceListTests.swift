import ConfigReading
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of the price list, and of the list of an account's sources.
@Suite struct CheapestInferenceListTests {
    /// The example response in the documentation, verbatim.
    static let planList = """
        [
        {
        "slug": "standard",
        "name": "Standard",
        "priceUsdc": "20",
        "rateLimits": {
        "tpm_limit": 3333,
        "rpm_limit": 60
        }
        },
        {
        "slug": "pro",
        "name": "Pro",
        "priceUsdc": "60",
        "rateLimits": {
        "tpm_limit": 13333,
        "rpm_limit": 200
        }
        }
        ]
        """

    private func plans(_ body: String) async throws -> CheapestInferenceBench {
        let bench = CheapestInferenceBench()
        bench.answer("/api/plans", body)
        try await CheapestInferencePlansSource(api: bench).sync(bench)
        return bench
    }

    @Test(arguments: [planList, "{\"success\":true,\"data\":\(planList)}"])
    func plansOfTheDocumentationAreMappedFieldByField(body: String) async throws {
        let bench = try await plans(body)
        #expect(bench.shown(.planPrice) == [GaugeSample(["standard"], 20), GaugeSample(["pro"], 60)])
        #expect(bench.shown(.planRequestsPerMinute) == [GaugeSample(["standard"], 60), GaugeSample(["pro"], 200)])
        #expect(bench.shown(.planTokensPerMinute) == [GaugeSample(["standard"], 3333), GaugeSample(["pro"], 13_333)])
        // The price list is public, so no key is sent.
        #expect(bench.wasSigned == [false])
    }

    @Test(arguments: [
        "[]", #"{"success":true,"data":null}"#, #"[{"slug":"x"},{"priceUsdc":3},{"slug":"","priceUsdc":1}]"#,
    ])
    func emptyListsAndPlansWithoutFiguresYieldNoSeries(body: String) async throws {
        #expect(try await plans(body).shown(.planPrice).isEmpty)
    }

    @Test func negativePriceIsIgnored() async throws {
        #expect(try await plans(#"[{"slug":"x","priceUsdc":-1}]"#).shown(.planPrice).isEmpty)
    }

    @Test("a missing endpoint is not a failure, unless there are figures of an earlier response")
    func missingEndpoint() async throws {
        let bench = CheapestInferenceBench()
        bench.fail("/api/plans", 404, .http4xx)
        bench.answer("/api/plans", Self.planList)
        bench.fail("/api/plans", 404, .http4xx)
        bench.answer("/api/plans", "[]")
        bench.fail("/api/plans", 404, .http4xx)
        let source = CheapestInferencePlansSource(api: bench)
        try await source.sync(bench)
        #expect(bench.shown(.planPrice).isEmpty)
        try await source.sync(bench)
        await #expect(throws: UpstreamFailure.self) { try await source.sync(bench) }
        #expect(bench.shown(.planPrice).count == 2)
        // The flat plans are retired: an empty list removes the prices.
        try await source.sync(bench)
        #expect(bench.shown(.planPrice).isEmpty)
        try await source.sync(bench)
    }

    @Test func accountHasTheSourcesOfItsKeys() {
        func names(keys: Bool, management: Bool) -> [String] {
            var options = CheapestInferenceOptions(managementKey: management ? .literal("mk") : nil)
            if keys {
                options.keys = [
                    KeyConfiguration(name: "prod", credential: .literal("sk")), KeyConfiguration(name: "bare"),
                ]
            }
            return options.sources(for: ProviderAccount { _, _ in CheapestInferenceBench() }).map(\.name)
        }
        #expect(
            names(keys: true, management: true)
                == ["usage", "api_usage", "api_keys", "billing_credits", "billing_status", "plans"])
        #expect(names(keys: true, management: false) == ["usage", "plans"])
        #expect(
            names(keys: false, management: true)
                == ["api_usage", "api_keys", "billing_credits", "billing_status", "plans"])
    }
}
