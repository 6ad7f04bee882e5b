import Upstream
import UsageModel

/// `GET /api/plans`: the price list. It needs no key, and none is sent. It may be empty, since the flat plans are
/// retired, or missing (404).
struct CheapestInferencePlansSource: UsageSource {
    static let endpoint = "plans"

    let name = endpoint
    // Price lists change rarely, about once a month.
    let minimumInterval = Duration.hours(1)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    private static let families: [GaugeFamily] = [.planPrice, .planRequestsPerMinute, .planTokensPerMinute]

    func sync(_ context: any SyncContext) async throws {
        let call = UpstreamCall(.get, "/api/plans", authenticated: false)
        guard let response = try await api.sendIfPresent(call, mayBeForbidden: true, for: Self.families, context) else {
            return
        }
        let plans = try CheapestInferenceEnvelope<LenientArray<CheapestInferencePlan>>.payload(of: response) {
            context.remark($0)
        }
        var reading = Reading()
        reading.gauges = Self.gauges(of: plans.values)
        try await context.commit(reading)
    }

    static func gauges(of plans: [CheapestInferencePlan]) -> [GaugeFamily: [GaugeSample]] {
        var gauges = Dictionary(uniqueKeysWithValues: families.map { ($0, [GaugeSample]()) })
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

/// The provider's statement about a subscription: its status and its end.
struct PlanState {
    /// `active`, `past_due`, `canceled`, `expired`; nil if the response has none.
    let status: String?
    /// The end of the paid period; nil if the response has none.
    let end: Timestamp?

    init(status: Decoration<LenientString>, end: Decoration<OptionalTimestamp>) {
        self.status = status.value?.value
        self.end = end.value?.value
    }

    /// Words for a subscription that has ended. `canceled` also describes one that is paid until its end.
    private static let endedWords: Set<String> = ["expired", "canceled", "cancelled", "ended"]
    private static let activeWords: Set<String> = ["active", "trialing"]

    /// Whether the provider reports the subscription as active.
    var isActive: Bool { Self.activeWords.contains(status?.lowercased() ?? "") }

    /// Whether the provider reports that the subscription has ended, and its end does not contradict that. A date in the
    /// past is not enough, because the provider may be about to renew it.
    func hasEnded(at now: Timestamp) -> Bool {
        Self.endedWords.contains(status?.lowercased() ?? "") && end.map { $0 <= now } ?? true
    }
}
