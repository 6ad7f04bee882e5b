import Upstream
import UsageModel

/// `GET /api/billing/status` (management key): subscriptions to flat plans and pledges to pools, when they end, and
/// whether they renew. It may be missing (404).
struct CheapestInferenceBillingSource: UsageSource {
    static let endpoint = "billing_status"

    let name = endpoint
    let minimumInterval = Duration.minutes(5)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    static let families: [GaugeFamily] = [.planInfo, .planExpiry, .planRenews]

    func sync(_ context: any SyncContext) async throws {
        let call = UpstreamCall(.get, "/api/billing/status")
        guard let response = try await api.sendIfPresent(call, mayBeForbidden: true, for: Self.families, context) else {
            return
        }
        let status = try CheapestInferenceEnvelope<CheapestInferenceBillingStatus>.payload(of: response) {
            context.remark($0)
        }
        guard status.isKnown else {
            throw SourceFailure(
                .decode, "billing/status responded without subscriptions and poolPledges; is base_url right?")
        }
        var reading = Reading()
        reading.gauges = status.gauges(at: context.now)
        try await context.commit(reading)
    }
}

extension CheapestInferenceBillingStatus {
    /// A subscription or pledge as the gauges show it.
    private struct Plan {
        /// The name of the only key that belongs to it, or else empty.
        var key = ""
        /// Nil if the response has none.
        let slug: String?
        let state: PlanState
        /// Whether it ends with the current period; nil if the response does not state it.
        var cancels: Bool?
    }

    /// Complete gauge families.
    func gauges(at now: Timestamp) -> [GaugeFamily: [GaugeSample]] {
        var gauges = Dictionary(
            uniqueKeysWithValues: CheapestInferenceBillingSource.families.map { ($0, [GaugeSample]()) })
        let plans = plans
        var known: Set<[String]> = []
        for plan in plans {
            guard let slug = plan.slug else { continue }
            let labels = [plan.key, slug, plan.state.status ?? ""]
            if known.insert(labels).inserted { gauges[.planInfo]?.append(GaugeSample(labels, 1)) }
        }
        for (key, plans) in Dictionary(grouping: plans, by: \.key).sorted(by: { $0.key < $1.key }) {
            // The earliest end of an active plan, or else the time at which the last one ended.
            let active = plans.filter(\.state.isActive).compactMap(\.state.end)
            let end = active.min() ?? plans.compactMap(\.state.end).max()
            if let end { gauges[.planExpiry]?.append(GaugeSample([key], end.seconds)) }
            let bySlug = Dictionary(grouping: plans.filter { $0.slug != nil }) { $0.slug ?? "" }
            for (slug, plans) in bySlug.sorted(by: { $0.key < $1.key }) {
                guard let renews = Self.renews(plans, at: now) else { continue }
                gauges[.planRenews]?.append(GaugeSample([key, slug], renews ? 1 : 0))
            }
        }
        return gauges
    }

    /// Whether all plans of one slug renew; nil if the response does not state it. A plan that has ended counts only
    /// if there is no later one, and only as not renewed.
    private static func renews(_ plans: [Plan], at now: Timestamp) -> Bool? {
        let running = plans.filter { !$0.state.hasEnded(at: now) }
        guard !running.isEmpty else { return plans.contains { $0.cancels == true } ? false : nil }
        let cancels = running.compactMap(\.cancels)
        return cancels.isEmpty ? nil : !cancels.contains(true)
    }

    private var plans: [Plan] {
        var plans = ((subscriptions?.values ?? []) + (poolPledges?.values ?? [])).map { subscription in
            Plan(
                key: subscription.onlyKey ?? "", slug: subscription.slug,
                state: PlanState(status: subscription.status, end: subscription.currentPeriodEnd),
                cancels: subscription.cancelAtPeriodEnd.value?.value)
        }
        // The account's own plan, unless a list has it. Its end counts if the lists have none.
        let unlisted = plan.value.flatMap(\.nonEmpty).flatMap { slug in
            plans.contains { $0.slug == slug } ? nil : slug
        }
        if unlisted != nil || plans.allSatisfy({ $0.state.end == nil }) {
            plans.append(Plan(slug: unlisted, state: PlanState(status: status, end: subscriptionExpiresAt)))
        }
        return plans
    }
}

extension CheapestInferenceBillingStatus.Subscription {
    fileprivate var slug: String? {
        planSlug.value.flatMap(\.nonEmpty) ?? poolSlug.value.flatMap(\.nonEmpty)
    }

    /// The name of its key if it has exactly one.
    fileprivate var onlyKey: String? {
        guard let keys = keys.value?.values, keys.count == 1, keyCount.value.map({ $0.value == 1 }) ?? true else {
            return nil
        }
        return keys.first?.name.value.flatMap(\.nonEmpty)
    }
}

extension LenientString {
    fileprivate var nonEmpty: String? { value.isEmpty ? nil : value }
}
