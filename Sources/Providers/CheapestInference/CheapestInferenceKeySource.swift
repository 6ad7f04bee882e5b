import Foundation
import UsageModel
import Upstream

/// `GET /v1/usage` with each of the configured consumption keys: cost, budget, limits, plan, and the balance.
///
/// Keys are read one after the other. One that fails takes nothing from the others: what they showed is committed, its
/// own figures stay as they were, and the sync ends with its reason. A key that was deactivated (403) is no failure but
/// an answer: `genai_key_active` is 0.
///
/// What is spent between the last reading of a budget period and its end is shown by no later answer.
struct CheapestInferenceKeySource: UsageSource {
    /// A consumption key and the API that it opens.
    struct Key: Sendable {
        /// How the config names it: the label `key`.
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
    let keys: [Key]

    /// Readings further apart than this do not say on which side of a midnight usage was.
    static let longestGap = Duration.hours(1)

    private static let families: [GaugeFamily] = [
        .budgetLimit, .budgetSpent, .budgetReset, .budgetPeriod, .rateLimitRequestsPerMinute,
        .rateLimitTokensPerMinute, .planInfo, .planExpiry, .keyInfo, .keyActive, .keyCreated,
    ]

    func sync(_ context: any SyncContext) async throws {
        var reading = Reading()
        var history = try await KeyHistory(of: keys.map(\.name), context)
        var gauges = KeyGauges(Self.families)
        var balance: Double?
        var failure: (any ReasonedFailure)?
        var answered = 0
        for key in keys {
            let asked = context.now
            do {
                let usage = try await usage(of: key, context)
                answered += 1
                Self.addGauges(of: usage, key: key.name, to: &gauges)
                // One balance of the account, however many keys show it.
                balance = balance ?? usage.credits?.balance?.value.doubleValue
                let fingerprint = try key.api.credentialFingerprint()
                history.observe(usage, of: key.name, fingerprint: fingerprint, at: asked, to: &reading)
            } catch let error as UpstreamFailure where error.isDeactivatedKey {
                answered += 1
                history.observeDeactivated(key.name, at: asked)
                try await gauges.keep([key.name], of: Self.families.filter { $0 != .keyActive }, from: context)
                gauges.add(.keyActive, [key.name], 0)
            } catch let error as any ReasonedFailure where error.reason != .storage {
                failure = failure ?? Self.failure(error, of: key.name)
                try await gauges.keep([key.name], from: context)
            }
        }
        if let failure, answered == 0 { throw failure }
        try history.remember(in: &reading)
        reading.gauges = gauges.all
        // Without an answer that shows one, the balance stays what it was while a key still fails.
        if balance != nil || failure == nil {
            reading.gauges[.balanceUSD] = balance.map { [GaugeSample([], $0)] } ?? []
        }
        // A budget period shows all it ever will: there is no history to wait for.
        reading.completesHistory = true
        try await context.commit(reading)
        guard let failure else { return }
        // Too many requests are the account's affair, and `Retry-After` is to be kept to.
        throw failure.reason == .rateLimited ? failure : PartialFailure(failure)
    }

    private func usage(of key: Key, _ context: any SyncContext) async throws -> CheapestInferenceKeyUsage {
        let answer = try await key.api.send(UpstreamCall(.get, "/v1/usage"))
        let usage = try CheapestInferenceEnvelope<CheapestInferenceKeyUsage>.payload(of: answer) { context.remark($0) }
        guard usage.isKnown else {
            throw SourceFailure(
                .decode, "usage answered without budget, rate_limits, plan, credits or key; is base_url right?")
        }
        return usage
    }

    static func addGauges(of usage: CheapestInferenceKeyUsage, key: String, to gauges: inout KeyGauges) {
        let budget = usage.budget
        gauges.add(.budgetLimit, [key, "key"], limit(budget?.limit))
        gauges.add(.budgetSpent, [key, "key"], budget?.spent?.value.doubleValue)
        gauges.add(.budgetReset, [key, "key"], budget?.resets_at.value?.value.seconds)
        gauges.add(
            .budgetPeriod, [key, "key"], budget?.duration.value.flatMap { budgetDuration($0.value)?.inSeconds })
        gauges.add(.rateLimitRequestsPerMinute, [key, ""], limit(usage.rate_limits?.rpm))
        gauges.add(.rateLimitTokensPerMinute, [key, ""], limit(usage.rate_limits?.tpm))
        if let plan = usage.plan?.slug.value?.value {
            gauges.add(.planInfo, [key, plan, usage.plan?.status.value?.value ?? ""], 1)
        }
        gauges.add(.planExpiry, [key], usage.plan?.expires_at.value?.value.seconds)
        // The answer has no id; the listing by the management key does.
        gauges.add(.keyInfo, [key, "", usage.key?.type.value?.value ?? ""], 1)
        gauges.add(.keyCreated, [key], usage.key?.created_at.value?.value.seconds)
        gauges.add(.keyActive, [key], 1)
    }

    /// A limit; nil where there is none. Nothing can be spent within a limit of 0 or less, so such a number means none.
    private static func limit(_ limit: Decoration<LenientDecimal>?) -> Double? {
        limit?.value.flatMap { $0.value > .zero ? $0.value.doubleValue : nil }
    }

    /// The failure in the same words, with the key's name in front; how long to wait stays with it.
    private static func failure(_ error: any ReasonedFailure, of key: String) -> any ReasonedFailure {
        let message = "key \(key): \(error.message)"
        guard let upstream = error as? UpstreamFailure else { return SourceFailure(error.reason, message) }
        return upstream.rephrased(message)
    }
}

/// What is remembered of the keys between readings: their budget periods, and of which days their cost is known.
private struct KeyHistory {
    private let names: [String]
    private let earlier: [String: BudgetTrack]
    private var tracks: [String: BudgetTrack] = [:]
    private var namesByFingerprint: [String: String]
    private var coverage: [String: KeyCoverage]
    /// The present name of each name that the config no longer has.
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

    /// Takes in what a key shows.
    mutating func observe(
        _ usage: CheapestInferenceKeyUsage, of name: String, fingerprint: String?, at now: Timestamp,
        to reading: inout Reading
    ) {
        guard let budget = usage.budget, let spent = budget.spent?.value, !spent.isNegative else { return }
        // A credential that had another name is the same key, renamed in the config.
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
        days.observe(at: now, hasGrown: hasGrown, longestGap: CheapestInferenceKeySource.longestGap)
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

    /// A key that was deactivated uses nothing.
    mutating func observeDeactivated(_ name: String, at now: Timestamp) {
        coverage[name]?.observe(at: now, hasGrown: false, longestGap: CheapestInferenceKeySource.longestGap)
    }

    /// Writes everything down. Keys that are no longer configured cover no day; one that has another name now uses nothing
    /// under the old one.
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

extension UpstreamFailure {
    /// 403 as the API gives it for a deactivated key, and not as something in front of the API refuses a client.
    fileprivate var isDeactivatedKey: Bool { status == 403 && reason == .auth }
}
