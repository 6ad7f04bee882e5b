import UsageModel
import Upstream

/// `GET /api/usage` (management key): requests and tokens of all keys of an account, their plans, and whether they are
/// active. With `key_ids` in the config, `GET /api/usage/:keyId` for each of them.
///
/// The documentation allows 12 requests in 12 hours. It does not say whether the two endpoints share this quota; this
/// source assumes that they do. With several `key_ids`, the least recently queried ones come first, as many as the
/// quota allows.
///
/// A key's slice is its running total since the ledger's start: one slice per key that never ends. It is replaced in
/// the same transaction as the points from which the total is computed, so that a crash keeps both or neither.
struct CheapestInferenceAccountSource: UsageSource {
    static let endpoint = "api_usage"

    /// The documented limit: "Rate limited to 12 requests per 12 hours."
    static let allowance = Quota(limit: 12, per: .hours(12))

    let name = endpoint
    let minimumInterval = allowance.pace + Quota.margin
    // The provider does not report the day of usage.
    let slicing: Slicing? = nil
    let countsOnReading = true
    let quota: Quota? = allowance
    let api: any UpstreamAPI
    let keyIDs: [String]
    /// Labels of the keys that the source `usage` reads.
    var readDirectly: Set<String> = []

    private static let families: [GaugeFamily] = [
        .windowRequests, .windowTokens, .planInfo, .planExpiry, .keyInfo, .keyActive, .keyCreated, .spendingAllowed,
    ]

    /// The longest gap between readings across a midnight after which usage can still be assigned to a day. Readings
    /// are at full hours, and two of them a day are skipped.
    static let longestGap = Duration.hours(2) + .minutes(10)

    func sync(_ context: any SyncContext) async throws {
        if keyIDs.isEmpty {
            let requestedAt = context.now
            let response = try await send("/api/usage", context)
            let keys = try CheapestInferenceEnvelope<BoundedArray<CheapestInferenceAccountKey>>.payload(of: response) {
                context.remark($0)
            }
            try await commit(keys.values, requestedAt: requestedAt, context, keeping: [])
        } else {
            try await syncSingleKeys(context)
        }
    }

    private func syncSingleKeys(_ context: any SyncContext) async throws {
        var unreadable: (any ReasonedFailure)?
        var succeeded = 0
        for id in try await leastRecentFirst(context) {
            let requestedAt = context.now
            do {
                let response = try await send("/api/usage/" + UpstreamCall.segment(id), context)
                let key = try CheapestInferenceEnvelope<CheapestInferenceAccountKey>.payload(of: response) {
                    context.remark($0)
                }
                guard key.isKnown else {
                    throw SourceFailure(
                        .decode, "api/usage responded without id, name and usage of the key; is base_url right?")
                }
                succeeded += 1
                try await commit(
                    [key], requestedID: id, requestedAt: requestedAt, context, keeping: keyIDs.filter { $0 != id })
            } catch let postponed as SyncPostponed {
                // The other keys are queried when the quota allows it.
                guard succeeded > 0 || unreadable != nil else { throw postponed }
                break
            } catch let error as any ReasonedFailure where Self.concernsOneKey(error) {
                unreadable = unreadable ?? error
                var reading = Reading()
                reading.memory[Self.queryTimeName(of: id)] = "\(requestedAt.milliseconds)"
                try await context.commit(reading)
            }
        }
        guard let unreadable else { return }
        throw succeeded > 0 ? PartialFailure(unreadable) : unreadable
    }

    /// Returns whether a failure affects only one key: it is missing, or its figures cannot be decoded.
    private static func concernsOneKey(_ failure: any ReasonedFailure) -> Bool {
        failure.reason == .decode || (failure as? UpstreamFailure)?.status == 404
    }

    /// The name under which the time of a key's last query is stored.
    private static func queryTimeName(of id: String) -> String { "asked/" + id }

    private func leastRecentFirst(_ context: any SyncContext) async throws -> [String] {
        var queries: [(id: String, index: Int, at: Int64)] = []
        for (index, id) in keyIDs.enumerated() {
            let stored = try await context.memory(Self.queryTimeName(of: id))
            queries.append((id, index, stored.flatMap { Int64($0) } ?? .min))
        }
        return queries.sorted { ($0.at, $0.index) < ($1.at, $1.index) }.map(\.id)
    }

    private func send(_ path: String, _ context: any SyncContext) async throws -> UpstreamResponse {
        try await api.send(UpstreamCall(.get, path).permitted { try await context.spend(from: Self.allowance) })
    }

    /// Commits the figures of some keys from a response.
    ///
    /// - Parameters:
    ///   - requestedID: the requested id; nil for the list of all keys.
    ///   - kept: ids of keys whose gauges stay, because the response does not cover them.
    private func commit(
        _ keys: [CheapestInferenceAccountKey], requestedID: String? = nil, requestedAt: Timestamp,
        _ context: any SyncContext, keeping kept: [String]
    ) async throws {
        var reading = Reading()
        var gauges = KeyGauges(Self.families)
        var labels = try await context.remembered("labels") ?? KeyLabels()
        try await gauges.keep(Set(kept.compactMap { labels.byID[$0] }), from: context)
        var coverage: [String: KeyCoverage] = try await context.remembered("coverage") ?? [:]
        var seen: Set<String> = []
        for key in CheapestInferenceAccountKey.oldestFirst(keys) {
            // A key without id and name cannot be identified.
            guard let id = requestedID ?? key.identity, seen.insert(id).inserted else { continue }
            let label = labels.label(id: id, name: key.name?.value)
            let usage = RollingUsage(key.usage)
            usage.addGauges(of: label, to: &gauges)
            key.addGauges(label: label, isReadDirectly: readDirectly.contains(label), at: requestedAt, to: &gauges)
            let memory = "counters/" + id
            var counters = try await context.remembered(memory) ?? KeyCounters()
            // All usage of a key that was created after the ledger's start belongs to the ledger.
            let isYounger = key.createdAt.value?.value.map { $0 >= context.ledgerStart } ?? false
            let before = counters.cells(key: label)
            // At the first sync the windows' usage is history. A key that is read for the first time later starts at 0.
            let start = context.isFirst ? context.ledgerStart : requestedAt
            counters.observe(usage, at: requestedAt, from: isYounger ? Timestamp(milliseconds: .min) : start)
            reading.memory[memory] = try RememberedJSON.text(of: counters)
            let cells = counters.cells(key: label)
            var days = coverage[label] ?? KeyCoverage(from: requestedAt)
            let attribution = days.attribution(at: requestedAt)
            days.observe(at: requestedAt, hasGrown: cells != before, longestGap: Self.longestGap)
            coverage[label] = days
            reading.coverage[label] = days.coverage
            reading.slices.append(
                SliceReading(
                    SliceID(scope: id, period: Period(start: context.ledgerStart, end: .neverEnding)),
                    cells: cells, readAt: requestedAt, attribution: attribution))
        }
        // Keys that were removed from the account or from `key_ids` no longer delay the coverage of the others.
        let ids = requestedID == nil ? seen : Set(keyIDs)
        let current = Set(ids.compactMap { labels.byID[$0] })
        for label in coverage.keys where !current.contains(label) {
            coverage[label] = nil
            reading.coverage[label] = Coverage()
        }
        reading.memory["coverage"] = try RememberedJSON.text(of: coverage)
        reading.gauges = gauges.all
        reading.memory["labels"] = try RememberedJSON.text(of: labels)
        if let requestedID { reading.memory[Self.queryTimeName(of: requestedID)] = "\(requestedAt.milliseconds)" }
        // The windows contain all available history, so only keys that were not queried yet can add more.
        reading.completesHistory = requestedID == nil
        try await context.commit(reading)
    }
}

extension CheapestInferenceAccountKey {
    /// Adds the gauges of the key itself.
    ///
    /// - Parameter isReadDirectly: whether the source `usage` reads the key. It reports more often whether the key can
    ///   be used, and a figure from here would hide its own.
    func addGauges(label: String, isReadDirectly: Bool, at now: Timestamp, to gauges: inout KeyGauges) {
        if let plan = plan.value?.value {
            gauges.add(.planInfo, [label, plan, subscription?.status.value?.value ?? ""], 1)
        }
        gauges.add(.planExpiry, [label], subscription?.expiresAt.value?.value?.seconds)
        gauges.add(.keyInfo, [label, id?.value ?? "", type.value?.value ?? ""], 1)
        gauges.add(.keyCreated, [label], createdAt.value?.value?.seconds)
        guard !isReadDirectly else { return }
        gauges.add(.keyActive, [label], isActive.value.map { $0.value ? 1 : 0 })
        gauges.add(.spendingAllowed, [label], subscription?.state.hasEnded(at: now) == true ? 0 : nil)
    }
}
