import UsageModel
import Upstream

/// `GET /api/v1/keys` of all workspaces (management key): the keys and their budgets.
struct OpenRouterKeysSource: UsageSource {
    static let endpoint = "keys"

    let name = endpoint
    let minimumInterval = Duration.minutes(5)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    /// The digits of a key's hash that identify it on `/metrics`.
    static let idLength = 12

    func sync(_ context: any SyncContext) async throws {
        let keys = try await OpenRouterKeyList.read(api, context)
        let names = KeyNames(of: keys.map { (id: String($0.id.prefix(Self.idLength)), name: $0.name.value?.value) })
        var gauges = KeyGauges([.keyInfo, .keyActive, .keyCreated, .keyExpiry] + OpenRouterBudget.families)
        for key in keys {
            let id = String(key.id.prefix(Self.idLength))
            let label = names.byID[id] ?? id
            gauges.add(.keyInfo, [label, id, ""], 1)
            gauges.add(.keyActive, [label], key.disabled.value.map { $0.value ? 0 : 1 })
            gauges.add(.keyCreated, [label], key.created_at.value?.value.seconds)
            gauges.add(.keyExpiry, [label], key.expires_at.value?.value.seconds)
            key.budget.add(to: &gauges, key: label, today: context.now.day)
        }
        var reading = Reading()
        reading.gauges = gauges.all
        try await context.commit(reading)
    }
}

/// `GET /api/v1/credits` (management key): the balance, and the top-ups since the first reading.
struct OpenRouterCreditsSource: UsageSource {
    static let endpoint = "credits"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = nil
    let api: any UpstreamAPI

    static let call = UpstreamCall(.get, "/api/v1/credits").openRouter

    /// The slice of the top-ups since the first reading; it does not depend on the ledger's start, which may move.
    private static let slice = SliceID(scope: "topups", period: Period(start: Timestamp(seconds: 0), end: .neverEnding))
    private static let trackName = "topups"

    private struct Credits: Decodable {
        /// USD paid in since the account's creation; gifts may be in it.
        let total_credits: LenientDecimal
        /// USD charged since the account's creation.
        let total_usage: LenientDecimal
    }

    func sync(_ context: any SyncContext) async throws {
        let requestedAt = context.now
        let credits = try OpenRouterEnvelope<Credits>.payload(of: try await api.send(Self.call), context)
        let total = credits.total_credits.value
        var reading = Reading()
        reading.gauges[.balanceUSD] = [GaugeSample([], (total - credits.total_usage.value).doubleValue)]
        if !total.isNegative {
            let fingerprint = try api.credentialFingerprint()
            let known: LifetimeGrowth? = try await context.remembered(Self.trackName)
            var track = known ?? LifetimeGrowth(total: total, fingerprint: fingerprint)
            track.observe(total: total, fingerprint: fingerprint)
            reading.memory[Self.trackName] = try RememberedJSON.text(of: track)
            reading.slices.append(
                SliceReading(
                    Self.slice, cells: [Cell(.topups, [], track.counted)], readAt: requestedAt, attribution: .reading))
        }
        try await context.commit(reading)
    }
}

/// The budget of a key.
struct OpenRouterBudget {
    /// USD; nil for no limit.
    let limit: ExactDecimal?
    /// USD that the key may still spend in the current period.
    let remaining: ExactDecimal?
    /// `daily`, `weekly`, `monthly`; nil for a limit of the key's lifetime.
    let reset: String?

    static let families: [GaugeFamily] = [.budgetLimit, .budgetSpent, .budgetReset, .budgetPeriod]

    /// Adds the gauges of a budget; none without a limit.
    ///
    /// - Parameter today: the UTC day, which determines the current period: resets are at midnight UTC.
    func add(to gauges: inout KeyGauges, key: String, today: UTCDay) {
        guard let limit, !limit.isNegative else { return }
        let labels = [key, "key"]
        gauges.add(.budgetLimit, labels, limit.doubleValue)
        // The key's usage counts in other periods, and may leave own keys' money out.
        gauges.add(.budgetSpent, labels, remaining.map { (limit - $0).doubleValue })
        guard let period = period(on: today) else { return }
        gauges.add(.budgetReset, labels, period.end.seconds)
        gauges.add(.budgetPeriod, labels, (period.end - period.start).inSeconds)
    }

    private func period(on today: UTCDay) -> Period? {
        switch reset?.lowercased() {
        case "daily": today.period
        case "weekly":
            Period(
                start: today.advanced(by: -today.weekday).start, end: today.advanced(by: 7 - today.weekday).start)
        case "monthly": today.calendarMonth
        default: nil
        }
    }
}
