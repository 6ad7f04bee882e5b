import UsageModel
import Upstream

/// `GET /api/billing/credits` (management key): the account's credit in USD, and the top-ups. It may be missing (404):
/// the consumption keys may then still report a balance.
struct CheapestInferenceCreditsSource: UsageSource {
    static let endpoint = "billing_credits"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    // Top-ups are a running total, whose slice the source names itself.
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    /// The slice of the top-ups since the first reading. It does not begin at the ledger's start, which may move until
    /// the history is complete: the total would then be in two slices.
    private static let slice = SliceID(
        scope: "topups", period: Period(start: Timestamp(seconds: 0), end: .neverEnding))
    private static let trackName = "topups"

    func sync(_ context: any SyncContext) async throws {
        let requestedAt = context.now
        let call = UpstreamCall(.get, "/api/billing/credits")
        guard let response = try await api.sendIfPresent(call, mayBeForbidden: true, for: [.balanceUSD], context) else {
            return
        }
        let credits = try CheapestInferenceEnvelope<CheapestInferenceCredits>.payload(of: response) {
            context.remark($0)
        }
        var reading = Reading()
        reading.gauges[.balanceUSD] = [GaugeSample([], credits.remaining.value.doubleValue)]
        if let total = credits.totalTopUp.value?.value, !total.isNegative {
            let track = try await track(total, context)
            reading.memory[Self.trackName] = try RememberedJSON.text(of: track)
            reading.slices.append(
                SliceReading(
                    Self.slice, cells: [Cell(.topups, [], track.counted)], readAt: requestedAt, attribution: .reading))
        }
        try await context.commit(reading)
    }

    private func track(_ total: ExactDecimal, _ context: any SyncContext) async throws -> LifetimeGrowth {
        let fingerprint = try api.credentialFingerprint()
        guard var track: LifetimeGrowth = try await context.remembered(Self.trackName) else {
            return LifetimeGrowth(total: total, fingerprint: fingerprint)
        }
        track.observe(total: total, fingerprint: fingerprint)
        return track
    }
}
