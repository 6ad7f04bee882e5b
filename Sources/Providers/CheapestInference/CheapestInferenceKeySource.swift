import Foundation
import Upstream
import UsageModel

/// `GET /v1/usage` with each of the configured consumption keys: cost, budget, limits, plan, and the balance.
///
/// Keys are read one after the other. If one fails, the others are committed, its own figures stay unchanged, and the
/// sync ends with its failure. A deactivated key (403) is not a failure: `genai_key_active` and
/// `genai_spending_allowed` are 0.
///
/// Usage between the last reading of a budget period and the period's end is lost, because no response contains it.
struct CheapestInferenceKeySource: UsageSource {
    /// A consumption key, and the API that uses it.
    struct Key: Sendable {
        /// The name in the config, which is the label `key`.
        let name: String
        let api: any UpstreamAPI
    }

    static let endpoint = "usage"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    // Slices are budget periods, which the source names itself.
    let slicing: Slicing? = nil
    let countsOnReading = true
    let reportsCost = true
    let costViews: Set<LedgerFamily> = [.keyCost]
    let keys: [Key]

    private static let families: [GaugeFamily] = [
        .budgetLimit, .budgetSpent, .budgetReset, .budgetPeriod, .rateLimitRequestsPerMinute,
        .rateLimitTokensPerMinute, .planInfo, .planExpiry, .keyInfo, .keyActive, .keyCreated, .spendingAllowed,
    ]
    /// The families that a deactivated key's 403 replaces.
    private static let permissions: [GaugeFamily] = [.keyActive, .spendingAllowed]

    func sync(_ context: any SyncContext) async throws {
        var reading = Reading()
        var history = try await KeyHistory(of: keys.map(\.name), context)
        var gauges = KeyGauges(Self.families)
        var balance: Double?
        var failure: (any ReasonedFailure)?
        var succeeded = 0
        for key in keys {
            let requestedAt = context.now
            do {
                let usage = try await usage(of: key, context)
                succeeded += 1
                Self.addGauges(of: usage, key: key.name, at: requestedAt, to: &gauges)
                // The balance belongs to the account, so the first key that has it is enough.
                balance = balance ?? usage.credits?.balance?.value.doubleValue
                let fingerprint = try key.api.credentialFingerprint()
                history.observe(usage, of: key.name, fingerprint: fingerprint, at: requestedAt, to: &reading)
            } catch let error as UpstreamFailure where error.isRefusedByAPI {
                succeeded += 1
                history.observeDeactivated(key.name, at: requestedAt)
                let unaffected = Self.families.filter { !Self.permissions.contains($0) }
                try await gauges.keep([key.name], of: unaffected, from: context)
                for family in Self.permissions { gauges.add(family, [key.name], 0) }
            } catch let error as any ReasonedFailure where error.reason != .storage {
                failure = failure ?? error.ofKey(key.name)
                try await gauges.keep([key.name], from: context)
            }
        }
        if let failure, succeeded == 0 { throw failure }
        try history.remember(in: &reading)
        reading.gauges = gauges.all
        // If no response has a balance, it stays unchanged as long as a key fails.
        if balance != nil || failure == nil {
            reading.gauges[.balanceUSD] = balance.map { [GaugeSample([], $0)] } ?? []
        }
        // One response contains all available history of a budget period.
        reading.completesHistory = true
        try await context.commit(reading)
        guard let failure else { return }
        // A rate limit applies to the account, so the failure and its `Retry-After` are reported as they are.
        throw failure.reason == .rateLimited ? failure : PartialFailure(failure)
    }

    private func usage(of key: Key, _ context: any SyncContext) async throws -> CheapestInferenceKeyUsage {
        let response = try await key.api.send(UpstreamCall(.get, "/v1/usage"))
        let usage = try CheapestInferenceEnvelope<CheapestInferenceKeyUsage>.payload(of: response) {
            context.remark($0)
        }
        guard usage.isKnown else {
            throw SourceFailure(
                .decode, "usage responded without budget, rate_limits, plan, credits or key; is base_url right?")
        }
        return usage
    }

    private static func addGauges(
        of usage: CheapestInferenceKeyUsage, key: String, at now: Timestamp, to gauges: inout KeyGauges
    ) {
        let budget = usage.budget
        gauges.add(.budgetLimit, [key, "key"], limit(budget?.limit))
        gauges.add(.budgetSpent, [key, "key"], budget?.spent?.value.doubleValue)
        gauges.add(.budgetReset, [key, "key"], budget?.resets_at.value?.value?.seconds)
        gauges.add(
            .budgetPeriod, [key, "key"], budget?.duration.value.flatMap { budgetDuration($0.value)?.inSeconds })
        gauges.add(.rateLimitRequestsPerMinute, [key, ""], limit(usage.rate_limits?.rpm))
        gauges.add(.rateLimitTokensPerMinute, [key, ""], limit(usage.rate_limits?.tpm))
        if let plan = usage.plan?.slug.value?.value {
            gauges.add(.planInfo, [key, plan, usage.plan?.status.value?.value ?? ""], 1)
        }
        gauges.add(.planExpiry, [key], usage.plan?.expires_at.value?.value?.seconds)
        // The response has no id; the list of keys (management key) has it.
        gauges.add(.keyInfo, [key, "", usage.key?.type.value?.value ?? ""], 1)
        gauges.add(.keyCreated, [key], usage.key?.created_at.value?.value?.seconds)
        gauges.add(.keyActive, [key], 1)
        gauges.add(.spendingAllowed, [key], usage.plan?.state.hasEnded(at: now) == true ? 0 : nil)
    }

    /// Returns a limit; nil if there is none. A limit of 0 or less means none, because it would allow no spending.
    private static func limit(_ limit: Decoration<LenientDecimal>?) -> Double? {
        limit?.value.flatMap { $0.value > .zero ? $0.value.doubleValue : nil }
    }
}

/// The stored state of the keys: their budget periods, and the days with known cost.
private struct KeyHistory {
    private let names: [String]
    private let earlier: [String: BudgetTrack]
    private var tracks: [String: BudgetTrack] = [:]
    private var namesByFingerprint: [String: String]
    private var coverage: [String: KeyCoverage]
    /// The current name by former name, for names that are no longer in the config.
    private var renamed: [String: String]

    init(of names: [String], _ context: any SyncContext) async throws {
        self.names = names
        namesByFingerprint = try await context.remembered("names") ?? [:]
        coverage = try await context.remembered("coverage") ?? [:]
        renamed = try await context.remembered("renamed") ?? [:]
        var earlier: [String: BudgetTrack] = [:]
        for name in Set(names).union(namesByFingerprint.values) {
            earlier[name] = try await context.remembered(Self.memory(of: name))
        }
        self.earlier = earlier
    }

    private static func memory(of name: String) -> String { "budget/" + name }

    /// Records the usage of a key.
    mutating func observe(
        _ usage: CheapestInferenceKeyUsage, of name: String, fingerprint: String?, at now: Timestamp,
        to reading: inout Reading
    ) {
        guard let budget = usage.budget, let spent = budget.spent?.value, !spent.isNegative else { return }
        // A credential with another name than before is the same key, renamed in the config.
        let lastName = fingerprint.flatMap { namesByFingerprint[$0] }.flatMap { last in
            earlier[last]?.fingerprint == fingerprint ? last : nil
        }
        let isRenamed = lastName.map { $0 != name } ?? false
        let before = earlier[lastName ?? name]
        let track = BudgetTrack(
            after: before,
            BudgetTrack.Reading(
                spent: spent, resetsAt: budget.resets_at.value?.value,
                length: budget.duration.value.flatMap { budgetDuration($0.value) },
                identity: BudgetTrack.Identity(
                    createdAt: usage.key?.created_at.value?.value, fingerprint: fingerprint),
                now: now),
            isRenamed: isRenamed)
        var days = coverage[lastName ?? name] ?? KeyCoverage(from: now)
        let attribution = days.attribution(at: now)
        let hasGrown = before.map { $0.spent != track.spent || $0.start != track.start } ?? true
        days.observe(at: now, hasGrown: hasGrown, longestGap: KeyCoverage.longestGap)
        coverage[name] = days
        tracks[name] = track
        if let fingerprint { namesByFingerprint[fingerprint] = name }
        if let lastName, isRenamed { renamed[lastName] = name }
        reading.slices.append(
            SliceReading(
                track.slice(scope: name),
                cells: [Cell(.cost, [name, ""], track.cost), Cell(.keyCost, [name], track.cost)], readAt: now,
                attribution: attribution))
    }

    /// Records a deactivated key, which has no usage.
    mutating func observeDeactivated(_ name: String, at now: Timestamp) {
        coverage[name]?.observe(at: now, hasGrown: false, longestGap: KeyCoverage.longestGap)
    }

    /// Stores the state. Keys that are no longer configured cover no day; former names of renamed keys have no usage.
    mutating func remember(in reading: inout Reading) throws {
        renamed = renamed.filter { !names.contains($0.key) && names.contains($0.value) }
        for (name, track) in tracks {
            reading.memory[Self.memory(of: name)] = try RememberedJSON.text(of: track)
        }
        var known = coverage.filter { names.contains($0.key) }
        for (old, new) in renamed { known[old] = coverage[new] }
        reading.memory["renamed"] = try RememberedJSON.text(of: renamed)
        reading.memory["names"] = try RememberedJSON.text(of: namesByFingerprint)
        reading.memory["coverage"] = try RememberedJSON.text(of: known)
        for name in Set(names).union(coverage.keys).union(known.keys) {
            reading.coverage[name] = known[name]?.coverage ?? Coverage()
        }
    }
}
