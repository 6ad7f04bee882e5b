import UsageModel
import Upstream

/// `GET /api/usage` (management key): requests and tokens of all of an account's keys, plans, and which keys are active.
/// With `key_ids` configured, `GET /api/usage/:keyId` for each of them.
///
/// The documentation allows 12 requests in 12 hours; that the two endpoints share them is not documented, and taken to
/// be so. With several `key_ids` those asked longest ago come first, as many as there are places.
///
/// A key's slice is its running total since the ledger's start: one slice a key that never ends, replaced in the same
/// transaction as the points that the total was found by, so that a crash leaves both or neither.
struct CheapestInferenceAccountSource: UsageSource {
    static let endpoint = "api_usage"

    /// "Rate limited to 12 requests per 12 hours."
    static let allowance = Quota(limit: 12, per: .hours(12))

    let name = endpoint
    let minimumInterval = allowance.pace + Quota.margin
    // The provider does not say on which day usage was.
    let slicing: Slicing? = nil
    let countsOnReading = true
    let quota: Quota? = allowance
    let api: any UpstreamAPI
    let keyIDs: [String]

    private static let families: [GaugeFamily] = [
        .windowRequests, .windowTokens, .planInfo, .planExpiry, .keyInfo, .keyActive, .keyCreated,
    ]

    /// Readings come at full hours, of which two a day are left out: further apart than this they do not say on which side
    /// of a midnight usage was.
    static let longestGap = Duration.hours(2) + .minutes(10)

    /// Where the running totals' slices end: the last second that RFC 3339 can write.
    private static let neverEnding = Timestamp(seconds: 253_402_300_799)

    func sync(_ context: any SyncContext) async throws {
        if keyIDs.isEmpty {
            let asked = context.now
            let answer = try await ask("/api/usage", context)
            let keys = try CheapestInferenceEnvelope<BoundedArray<CheapestInferenceAccountKey>>.payload(of: answer) {
                context.remark($0)
            }
            try await commit(keys.values, asked: asked, context, keeping: [])
        } else {
            try await syncSingleKeys(context)
        }
    }

    private func syncSingleKeys(_ context: any SyncContext) async throws {
        var unreadable: (any ReasonedFailure)?
        var answered = 0
        for id in try await longestAgoFirst(context) {
            let asked = context.now
            do {
                let answer = try await ask("/api/usage/" + UpstreamCall.segment(id), context)
                let key = try CheapestInferenceEnvelope<CheapestInferenceAccountKey>.payload(of: answer) {
                    context.remark($0)
                }
                guard key.isKnown else {
                    throw SourceFailure(
                        .decode, "api/usage responded without id, name and usage of the key; is base_url right?")
                }
                answered += 1
                try await commit([key], askedFor: id, asked: asked, context, keeping: keyIDs.filter { $0 != id })
            } catch let postponed as SyncPostponed {
                // The others have their turn when there are places again.
                guard answered > 0 || unreadable != nil else { throw postponed }
                break
            } catch let error as any ReasonedFailure where Self.concernsOneKey(error) {
                unreadable = unreadable ?? error
                var reading = Reading()
                reading.memory["asked/" + id] = "\(asked.milliseconds)"
                try await context.commit(reading)
            }
        }
        guard let unreadable else { return }
        throw answered > 0 ? PartialFailure(unreadable) : unreadable
    }

    /// Whether a failure says nothing of the other keys: one that is not there, or whose figures cannot be read.
    private static func concernsOneKey(_ failure: any ReasonedFailure) -> Bool {
        failure.reason == .decode || (failure as? UpstreamFailure)?.status == 404
    }

    private func longestAgoFirst(_ context: any SyncContext) async throws -> [String] {
        var asked: [(id: String, place: Int, at: Int64)] = []
        for (place, id) in keyIDs.enumerated() {
            asked.append((id, place, try await context.memory("asked/" + id).flatMap { Int64($0) } ?? .min))
        }
        return asked.sorted { ($0.at, $0.place) < ($1.at, $1.place) }.map(\.id)
    }

    private func ask(_ path: String, _ context: any SyncContext) async throws -> UpstreamResponse {
        try await api.send(UpstreamCall(.get, path).permitted { try await context.spend(from: Self.allowance) })
    }

    /// Commits what an answer shows of some keys.
    ///
    /// - Parameters:
    ///   - askedFor: the id that was asked for; nil for the list of all.
    ///   - kept: ids of keys whose gauges stay, since this answer is not about them.
    private func commit(
        _ keys: [CheapestInferenceAccountKey], askedFor: String? = nil, asked: Timestamp, _ context: any SyncContext,
        keeping kept: [String]
    ) async throws {
        var reading = Reading()
        var gauges = KeyGauges(Self.families)
        var labels = try await context.remembered("labels") ?? KeyLabels()
        try await gauges.keep(Set(kept.compactMap { labels.byID[$0] }), from: context)
        var coverage: [String: KeyCoverage] = try await context.remembered("coverage") ?? [:]
        var seen: Set<String> = []
        for key in Self.oldestFirst(keys) {
            // A key without id and name has nothing that its counters could be told by.
            guard let id = askedFor ?? key.identity, seen.insert(id).inserted else { continue }
            let label = labels.label(id: id, name: key.name?.value)
            let usage = RollingUsage(key.usage)
            usage.addGauges(of: label, to: &gauges)
            key.addGauges(label: label, to: &gauges)
            let memory = "counters/" + id
            var counters = try await context.remembered(memory) ?? KeyCounters()
            // Everything that a key made since the ledger began ever used is in the ledger's time.
            let isYounger = key.createdAt.value.map { $0.value >= context.ledgerStart } ?? false
            let before = counters.cells(key: label)
            // What the first sync finds is history; a key that is read for the first time later begins with what it uses
            // from then on.
            let start = context.isFirst ? context.ledgerStart : asked
            counters.observe(usage, at: asked, from: isYounger ? Timestamp(milliseconds: .min) : start)
            reading.memory[memory] = try RememberedJSON.text(of: counters)
            let cells = counters.cells(key: label)
            var days = coverage[label] ?? KeyCoverage(from: asked)
            let attribution = days.attribution(at: asked)
            days.observe(at: asked, hasGrown: cells != before, longestGap: Self.longestGap)
            coverage[label] = days
            reading.coverage[label] = days.coverage
            reading.slices.append(
                SliceReading(
                    SliceID(scope: id, period: Period(start: context.ledgerStart, end: Self.neverEnding)),
                    cells: cells, readAt: asked, attribution: attribution))
        }
        // Keys that are gone from the account, or from `key_ids`, no longer hold the others' days up.
        let ids = askedFor == nil ? seen : Set(keyIDs)
        let current = Set(ids.compactMap { labels.byID[$0] })
        for label in coverage.keys where !current.contains(label) {
            coverage[label] = nil
            reading.coverage[label] = Coverage()
        }
        reading.memory["coverage"] = try RememberedJSON.text(of: coverage)
        reading.gauges = gauges.all
        reading.memory["labels"] = try RememberedJSON.text(of: labels)
        if let askedFor { reading.memory["asked/" + askedFor] = "\(asked.milliseconds)" }
        // The windows reach as far back as they do: there is no history to wait for but that of the keys whose turn is
        // still to come.
        reading.completesHistory = askedFor == nil
        try await context.commit(reading)
    }

    /// Of keys that share a name the oldest has it as its label, whatever the order of the list.
    private static func oldestFirst(_ keys: [CheapestInferenceAccountKey]) -> [CheapestInferenceAccountKey] {
        keys.sorted {
            ($0.createdAt.value?.value.milliseconds ?? .max, $0.identity ?? "")
                < ($1.createdAt.value?.value.milliseconds ?? .max, $1.identity ?? "")
        }
    }
}

extension CheapestInferenceAccountKey {
    /// What the key is told by; nil where the answer has neither id nor name.
    var identity: String? {
        [id?.value, name?.value].compactMap { $0 }.first { !$0.isEmpty }
    }

    /// What is known of the key itself.
    func addGauges(label: String, to gauges: inout KeyGauges) {
        if let plan = plan.value?.value {
            gauges.add(.planInfo, [label, plan, subscription?.status.value?.value ?? ""], 1)
        }
        gauges.add(.planExpiry, [label], subscription?.expiresAt.value?.value.seconds)
        gauges.add(.keyInfo, [label, id?.value ?? "", type.value?.value ?? ""], 1)
        gauges.add(.keyActive, [label], isActive.value.map { $0.value ? 1 : 0 })
        gauges.add(.keyCreated, [label], createdAt.value?.value.seconds)
    }
}
