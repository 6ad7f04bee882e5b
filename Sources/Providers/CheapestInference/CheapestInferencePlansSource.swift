import Upstream
import UsageModel

/// `GET /api/plans`: the price list. It needs no key, and none is sent. It may be empty or missing (404).
struct CheapestInferencePlansSource: UsageSource {
    static let endpoint = "plans"

    let name = endpoint
    // Price lists change rarely, about once a month.
    let minimumInterval = Duration.hours(1)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    func sync(_ context: any SyncContext) async throws {
        var reading = Reading()
        reading.gauges = Self.gauges(of: try await plans(context))
        try await context.commit(reading)
    }

    private func plans(_ context: any SyncContext) async throws -> [CheapestInferencePlan] {
        let call = UpstreamCall(.get, "/api/plans", authenticated: false)
        guard let response = try await api.sendIfPresent(call) else { return [] }
        return try CheapestInferenceEnvelope<LenientArray<CheapestInferencePlan>>.payload(of: response) {
            context.remark($0)
        }.values
    }

    static func gauges(of plans: [CheapestInferencePlan]) -> [GaugeFamily: [GaugeSample]] {
        var gauges: [GaugeFamily: [GaugeSample]] = [
            .planPrice: [], .planRequestsPerMinute: [], .planTokensPerMinute: [],
        ]
        for plan in plans {
            guard let slug = plan.slug?.value, !slug.isEmpty else { continue }
            let figures: [(GaugeFamily, ExactDecimal?)] = [
                (.planPrice, plan.priceUsdc.value?.value),
                (.planRequestsPerMinute, plan.rateLimits?.rpm_limit.value?.value),
                (.planTokensPerMinute, plan.rateLimits?.tpm_limit.value?.value),
            ]
            for (family, figure) in figures {
                guard let figure, !figure.isNegative else { continue }
                gauges[family]?.append(GaugeSample([slug], figure.doubleValue))
            }
        }
        return gauges
    }
}

/// `GET /api/billing/credits` (management key): the account's credit in USD. It is not documented, so a 404 is not a
/// failure: there is no series, and the consumption keys may still report a balance.
struct CheapestInferenceCreditsSource: UsageSource {
    static let endpoint = "billing_credits"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    func sync(_ context: any SyncContext) async throws {
        var reading = Reading()
        reading.gauges[.balanceUSD] = try await remaining().map { [GaugeSample([], $0)] } ?? []
        try await context.commit(reading)
    }

    private func remaining() async throws -> Double? {
        guard let response = try await api.sendIfPresent(UpstreamCall(.get, "/api/billing/credits")) else { return nil }
        let credits = try CheapestInferenceEnvelope<CheapestInferenceCredits>.payload(of: response)
        return credits.remaining.value.doubleValue
    }
}
