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
    let keys: [Key]

    private static let families: [GaugeFamily] = [
        .budgetLimit, .budgetSpent, .budgetReset, .budgetPeriod, .rateLimitRequestsPerMinute,
        .rateLimitTokensPerMinute, .planInfo, .planExpiry, .keyInfo, .keyActive, .keyCreated,
    ]

    func sync(_ visit: any SyncVisit) async throws {
        var reading = Reading()
        var gauges = KeyGauges(Self.families)
        var balance: Double?
        var failure: (any ReasonedFailure)?
        var answered = 0
        for key in keys {
            let asked = visit.now
            do {
                let usage = try await usage(of: key)
                answered += 1
                Self.addGauges(of: usage, key: key.name, to: &gauges)
                // One balance of the account, however many keys show it.
                balance = balance ?? usage.credits?.balance?.value.doubleValue
                try await addCost(usage.budget, key: key.name, asked: asked, visit, to: &reading)
            } catch let error as UpstreamFailure where error.isDeactivatedKey {
                answered += 1
                try await gauges.keep([key.name], of: Self.families.filter { $0 != .keyActive }, from: visit)
                gauges.add(.keyActive, [key.name], 0)
            } catch let error as any ReasonedFailure where error.reason != .storage {
                failure = failure ?? Self.failure(error, of: key.name)
                try await gauges.keep([key.name], from: visit)
            }
        }
        if let failure, answered == 0 { throw failure }
        reading.gauges = gauges.all
        // Without an answer that shows one, the balance stays what it was while a key still fails.
        if balance != nil || failure == nil {
            reading.gauges[.balanceUSD] = balance.map { [GaugeSample([], $0)] } ?? []
        }
        // A budget period shows all it ever will: there is no history to wait for.
        reading.completesHistory = true
        try await visit.commit(reading)
        guard let failure else { return }
        // Too many requests are the account's affair, and `Retry-After` is to be kept to.
        throw failure.reason == .rateLimited ? failure : PartialFailure(failure)
    }

    private func usage(of key: Key) async throws -> CheapestInferenceKeyUsage {
        let answer = try await key.api.send(UpstreamCall(.get, "/v1/usage"))
        let usage = try CheapestInferenceEnvelope<CheapestInferenceKeyUsage>.payload(of: answer)
        guard usage.isKnown else {
            throw SourceFailure(
                .decode, "usage answered without budget, rate_limits, plan, credits or key; is base_url right?")
        }
        return usage
    }

    private func addCost(
        _ budget: CheapestInferenceKeyUsage.Budget?, key: String, asked: Timestamp, _ visit: any SyncVisit,
        to reading: inout Reading
    ) async throws {
        guard let budget, let spent = budget.spent?.value, !spent.isNegative else { return }
        let memory = "budget/" + key
        let track = BudgetTrack(
            after: try await visit.remembered(memory), spent: spent, resetsAt: budget.resets_at?.value,
            length: budget.duration.flatMap { budgetDuration($0.value) }, now: asked)
        reading.memory[memory] = try RememberedJSON.text(of: track)
        reading.slices.append(
            SliceReading(
                track.slice(scope: key),
                cells: [Cell(.cost, [key, ""], track.cost), Cell(.keyCost, [key], track.cost)], readAt: asked,
                attribution: .reading))
    }

    static func addGauges(of usage: CheapestInferenceKeyUsage, key: String, to gauges: inout KeyGauges) {
        let budget = usage.budget
        gauges.add(.budgetLimit, [key, "key"], budget?.limit?.value.doubleValue)
        gauges.add(.budgetSpent, [key, "key"], budget?.spent?.value.doubleValue)
        gauges.add(.budgetReset, [key, "key"], budget?.resets_at?.value.seconds)
        gauges.add(
            .budgetPeriod, [key, "key"], budget?.duration.flatMap { budgetDuration($0.value)?.inSeconds })
        gauges.add(.rateLimitRequestsPerMinute, [key, ""], usage.rate_limits?.rpm?.value.doubleValue)
        gauges.add(.rateLimitTokensPerMinute, [key, ""], usage.rate_limits?.tpm?.value.doubleValue)
        if let plan = usage.plan?.slug?.value {
            gauges.add(.planInfo, [key, plan, usage.plan?.status?.value ?? ""], 1)
        }
        gauges.add(.planExpiry, [key], usage.plan?.expires_at?.value.seconds)
        // The answer has no id; the listing by the management key does.
        gauges.add(.keyInfo, [key, "", usage.key?.type?.value ?? ""], 1)
        gauges.add(.keyCreated, [key], usage.key?.created_at?.value.seconds)
        gauges.add(.keyActive, [key], 1)
    }

    /// The failure in the same words, with the key's name in front; how long to wait stays with it.
    private static func failure(_ error: any ReasonedFailure, of key: String) -> any ReasonedFailure {
        let message = "key \(key): \(error.message)"
        guard let upstream = error as? UpstreamFailure else { return SourceFailure(error.reason, message) }
        return UpstreamFailure(
            reason: upstream.reason, status: upstream.status, headers: upstream.headers,
            retryAfter: upstream.retryAfter, apiMessage: upstream.apiMessage, message: message)
    }
}

extension UpstreamFailure {
    /// 403 as the API gives it for a deactivated key, and not as a firewall's page.
    fileprivate var isDeactivatedKey: Bool {
        guard status == 403 else { return false }
        let type = headers?.first(name: "Content-Type")?.lowercased() ?? ""
        return !type.hasPrefix("text/html")
    }
}
