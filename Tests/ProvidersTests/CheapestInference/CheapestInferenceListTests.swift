import ConfigReading
import Testing
import UsageModel
import Upstream

@testable import Providers

/// Tests of the price list, the balance, and the list of an account's sources.
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

    private func credits(_ body: String) async throws -> Set<GaugeSample> {
        let bench = CheapestInferenceBench()
        bench.answer("/api/billing/credits", body)
        try await CheapestInferenceCreditsSource(api: bench).sync(bench)
        return bench.shown(.balanceUSD)
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

    @Test(arguments: [
        (#"{"remaining":12.5}"#, 12.5), (#"{"remaining":"12.50"}"#, 12.5),
        (#"{"success":true,"data":{"remaining":"-0.25"}}"#, -0.25),
    ])
    func creditsMayBeANumberOrText(body: String, balance: Double) async throws {
        #expect(try await credits(body) == [GaugeSample([], balance)])
    }

    @Test(arguments: ["{}", #"{"remaining":null}"#, #"{"error":"x"}"#])
    func responseWithoutCreditsFailsAndKeepsTheBalance(body: String) async {
        await #expect(throws: SourceFailure.self) { _ = try await credits(body) }
    }

    @Test func missingEndpointsAreNotFailures() async throws {
        let bench = CheapestInferenceBench()
        bench.fail("/api/plans", 404, .http4xx)
        bench.fail("/api/billing/credits", 404, .http4xx)
        try await CheapestInferencePlansSource(api: bench).sync(bench)
        try await CheapestInferenceCreditsSource(api: bench).sync(bench)
        #expect(bench.shown(.planPrice).isEmpty && bench.shown(.balanceUSD).isEmpty)
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
        #expect(names(keys: true, management: true) == ["usage", "api_usage", "billing_credits", "plans"])
        #expect(names(keys: true, management: false) == ["usage", "plans"])
        #expect(names(keys: false, management: true) == ["api_usage", "billing_credits", "plans"])
    }
}
