import UsageModel
import Upstream

/// `GET /api/v1/key` with each of the configured inference keys: its cost since the first reading, and its budget.
///
/// For accounts without a management key. The response has only totals of the key's lifetime, so usage counts on the day
/// of its reading, and there is nothing by model. Keys are read one after the other; if one fails, the others are
/// committed, and its own figures stay.
struct OpenRouterKeySource: UsageSource {
    /// An inference key, and the API that uses it.
    struct Key: Sendable {
        /// The name in the config, which is the label `key`. The API's `label` shows a part of the key itself.
        let name: String
        let api: any UpstreamAPI
    }

    static let endpoint = "key"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = nil
    let countsOnReading = true
    let reportsCost = true
    let costViews: Set<LedgerFamily> = [.keyCost]
    let keys: [Key]

    private static let families = OpenRouterBudget.families + [.keyExpiry]

    private struct Response: Decodable {
        /// USD since the key's creation.
        let usage: LenientDecimal
        let limit: Decoration<LenientDecimal>
        let limit_remaining: Decoration<LenientDecimal>
        let limit_reset: Decoration<LenientString>
        let expires_at: Decoration<LenientTimestamp>
    }

    func sync(_ context: any SyncContext) async throws {
        var reading = Reading()
        var gauges = KeyGauges(Self.families)
        var failure: (any ReasonedFailure)?
        var succeeded = 0
        for key in keys {
            do {
                try await read(key, context, &reading, &gauges)
                succeeded += 1
            } catch let error as any ReasonedFailure where error.reason != .storage {
                failure = failure ?? error.ofKey(key.name)
                try await gauges.keep([key.name], from: context)
            }
        }
        if let failure, succeeded == 0 { throw failure }
        reading.gauges = gauges.all
        // Usage before the first reading is in no response.
        reading.completesHistory = true
        try await context.commit(reading)
        guard let failure else { return }
        throw failure.reason == .rateLimited ? failure : PartialFailure(failure)
    }

    private func read(
        _ key: Key, _ context: any SyncContext, _ reading: inout Reading, _ gauges: inout KeyGauges
    ) async throws {
        let requestedAt = context.now
        let response = try await key.api.send(UpstreamCall(.get, "/api/v1/key"))
        let usage = try OpenRouterEnvelope<Response>.payload(of: response, context)
        OpenRouterBudget(
            limit: usage.limit.value?.value, remaining: usage.limit_remaining.value?.value,
            reset: usage.limit_reset.value?.value
        ).add(to: &gauges, key: key.name, today: requestedAt.day)
        gauges.add(.keyExpiry, [key.name], usage.expires_at.value?.value.seconds)
        guard !usage.usage.value.isNegative else { return }
        let memory = "usage/" + key.name
        let fingerprint = try key.api.credentialFingerprint()
        let known: OpenRouterKeyTrack? = try await context.remembered(memory)
        var track = known ?? OpenRouterKeyTrack(total: usage.usage.value, fingerprint: fingerprint, at: requestedAt)
        let before = track.counted
        track.observe(total: usage.usage.value, fingerprint: fingerprint)
        let attribution = track.days.attribution(at: requestedAt)
        track.days.observe(at: requestedAt, hasGrown: track.counted != before, longestGap: KeyCoverage.longestGap)
        reading.memory[memory] = try RememberedJSON.text(of: track)
        reading.coverage[key.name] = track.days.coverage
        reading.slices.append(
            SliceReading(
                SliceID(scope: key.name, period: Period(start: Timestamp(seconds: 0), end: .neverEnding)),
                cells: [Cell(.cost, [key.name, ""], track.counted), Cell(.keyCost, [key.name], track.counted)],
                readAt: requestedAt, attribution: attribution))
    }
}

/// The cost of a key since its first reading, from its lifetime total. A value type, stored as JSON.
///
/// Only a rise above the highest total counts, so that a total that falls and recovers counts nothing twice. Another
/// credential of the same name is another key, whose total is a new base.
struct OpenRouterKeyTrack: Codable, Equatable {
    /// The days for which the cost is known.
    var days: KeyCoverage
    private var growth: LifetimeGrowth

    init(total: ExactDecimal, fingerprint: String?, at now: Timestamp) {
        days = KeyCoverage(from: now)
        growth = LifetimeGrowth(total: total, fingerprint: fingerprint)
    }

    /// USD since the first reading.
    var counted: ExactDecimal { growth.counted }

    /// Records a reading.
    mutating func observe(total: ExactDecimal, fingerprint: String?) {
        if let fingerprint, fingerprint != growth.fingerprint {
            growth.restart(at: total, fingerprint: fingerprint)
        } else {
            growth.observe(total: total, fingerprint: fingerprint)
        }
    }
}
