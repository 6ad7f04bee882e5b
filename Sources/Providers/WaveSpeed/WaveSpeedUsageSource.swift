import Foundation
import UsageModel
import Upstream

/// `POST /api/v3/user/usage_stats`: cost and requests by model, outcomes by model or day, one UTC day per slice.
///
/// Each sync starts with one query over the last 31 days. A day that has left the schedule is read again if its figures
/// differ from those of its last read, so that late charges of a month are counted at the next sync. At a first sync
/// the same query shows which days are empty. Each sync ends with the list of running jobs
/// (``WaveSpeedRunningJobs``).
///
/// The documentation does not state the time zone of a day; UTC is assumed because its examples use `Z`.
struct WaveSpeedUsageSource: UsageSource {
    static let endpoint = "usage_stats"

    let name = endpoint
    let minimumInterval = Duration.seconds(10)
    let slicing: Slicing? = Slicing(unit: .day)
    let reportsCost = true
    let costViews: Set<LedgerFamily> = [.modalityCost]
    let api: any UpstreamAPI
    let outcomesByModel: Bool

    /// The documented limit: "Query time range cannot exceed 31 days."
    static let longestRange = 31
    /// The maximum number of queries by model for days of history. Further days are read without models, so that a
    /// first start of an account with many models sends one query a day.
    static let historyModelQueries = 100

    static let totalsMemory = "totals"
    static let outcomesMemory = "outcomes"
    /// Set once the list of running jobs could be read: `genai_pending_requests` then comes from it.
    static let jobsMemory = "jobs"

    func sync(_ context: any SyncContext) async throws {
        var parts = UnreadableParts()
        var state = State(
            totals: try await context.remembered(Self.totalsMemory) ?? WaveSpeedTotals(),
            outcomes: try await context.remembered(Self.outcomesMemory) ?? WaveSpeedOutcomes(),
            listsJobs: try await context.memory(Self.jobsMemory) != nil)
        let today = context.now.day
        state.totals.forget(before: today.advanced(by: -WaveSpeedTotals.kept))
        state.outcomes.forget(before: today.advanced(by: -7))
        let first = max(today.advanced(by: 1 - Self.longestRange), context.ledgerStart.day)
        var newest: WaveSpeedRange?
        if first <= today {
            // A range that does not match its summary finds no late charges; the schedule does.
            defer {
                if newest?.isComplete == false {
                    context.remark(
                        "the days of usage_stats do not sum to its summary; late charges are found by schedule only")
                }
            }
            do {
                try await parts.isolate { newest = WaveSpeedRange(try await query(first, today, context)) }
            } catch let failure as UpstreamFailure where failure.reason == .http4xx && failure.isLasting {
                // The range itself may be the reason for the rejection, so the days are still read.
                parts.record(failure)
            }
        }
        // Live data come first, newest day first.
        let due = context.dueSlices
        let history = due.filter { $0.settles && $0.lastRead == nil }
        var live = due.filter { !($0.settles && $0.lastRead == nil) }
        if let newest { live += try await changed(context.reopenable, newest, context, &state) }
        for slice in live.sorted(by: { $0.slice.period.start > $1.slice.period.start }) {
            try await parts.isolate { try await read(slice, in: newest, byModel: true, context, &state) }
        }
        try await readHistory(history, newest, context, &parts, &state)
        try await readRunningJobs(context, &parts, state)
        try parts.check()
    }

    /// Reads the jobs that run now, last, because no figure of the ledger depends on them.
    ///
    /// Until the list could be read once, its failure is not the account's: `genai_pending_requests` stays estimated.
    /// The same applies if the API no longer has the list.
    private func readRunningJobs(
        _ context: any SyncContext, _ parts: inout UnreadableParts, _ state: State
    ) async throws {
        var reading = Reading()
        do {
            let jobs = try await WaveSpeedRunningJobs.read(api, context)
            if jobs == nil {
                context.remark(
                    "more than \(WaveSpeedRunningJobs.mostPages * WaveSpeedPages.size) jobs run now; "
                        + "genai_pending_requests is absent")
            }
            let known = state.outcomes.pending(at: context.now).map(\.labels[0])
            reading.gauges[.pendingRequests] = jobs?.samples(knownModels: known) ?? []
            reading.memory[Self.jobsMemory] = "listed"
        } catch let failure as UpstreamFailure where failure.status == 404 || failure.status == 410 {
            guard state.listsJobs else { return }
            reading.gauges[.pendingRequests] = state.outcomes.pending(at: context.now)
            reading.memory[Self.jobsMemory] = .some(nil)
        } catch let failure as any ReasonedFailure {
            if state.listsJobs {
                parts.record(failure)
            } else {
                context.remark(
                    "predictions could not be read, so genai_pending_requests is estimated from usage_stats: "
                        + failure.message)
            }
            return
        }
        try await context.commit(reading)
    }

    /// The state that is stored between syncs.
    private struct State: Equatable {
        var totals: WaveSpeedTotals
        var outcomes: WaveSpeedOutcomes
        /// Whether an earlier sync could read the running jobs.
        let listsJobs: Bool
    }

    /// Returns the slices that changed since their last read according to the range query.
    private func changed(
        _ reopenable: [DueSlice], _ range: WaveSpeedRange, _ context: any SyncContext, _ state: inout State
    ) async throws -> [DueSlice] {
        var changed: [DueSlice] = []
        let oldest = context.now.day.advanced(by: 1 - Self.longestRange)
        let before = state
        for slice in reopenable where slice.slice.period.start.day >= oldest {
            let day = slice.slice.period.start.day
            guard let figures = range.figures(of: day) else { continue }
            if let known = state.totals[day] {
                if !known.agrees(with: figures) { changed.append(slice) }
            } else if Self.agrees(figures, try await context.cells(of: slice.slice)) {
                // The day was read by a version that stored no totals.
                state.totals.remember(figures, of: day)
            } else {
                changed.append(slice)
            }
        }
        if changed.isEmpty, state != before {
            var reading = Reading()
            reading.memory[Self.totalsMemory] = try RememberedJSON.text(of: state.totals)
            try await context.commit(reading)
        }
        return changed
    }

    private static func agrees(_ figures: WaveSpeedRange.Figures, _ cells: [Cell]) -> Bool {
        func sum(_ family: LedgerFamily) -> ExactDecimal {
            cells.filter { $0.family == family }.reduce(.zero) { $0 + $1.value }
        }
        let difference = sum(.cost) - (ExactDecimal(figures.amount) ?? .zero)
        let rounding = (ExactDecimal("0.0005") ?? .zero) * (cells.count + 1)
        return difference.magnitude <= rounding && sum(.requests) == ExactDecimal(figures.count)
    }

    /// Reads days for the first time whose schedule has already ended. The range query shows those with usage.
    private func readHistory(
        _ history: [DueSlice], _ newest: WaveSpeedRange?, _ context: any SyncContext, _ parts: inout UnreadableParts,
        _ state: inout State
    ) async throws {
        let newestFirst = history.sorted { $0.slice.period.start > $1.slice.period.start }
        let covered = context.now.day.advanced(by: 1 - Self.longestRange)
        let recent = newestFirst.filter { $0.slice.period.start.day >= covered }
        var modelQueries = Self.historyModelQueries
        try await readHistory(recent, newest, context, &parts, &state, &modelQueries)
        for slices in Self.ranges(Array(newestFirst.dropFirst(recent.count))) {
            guard let first = slices.last, let last = slices.first else { continue }
            var range: WaveSpeedRange?
            try await parts.isolate {
                range = WaveSpeedRange(
                    try await query(first.slice.period.start.day, last.slice.period.start.day, context))
            }
            try await readHistory(slices, range, context, &parts, &state, &modelQueries)
        }
    }

    private func readHistory(
        _ slices: [DueSlice], _ range: WaveSpeedRange?, _ context: any SyncContext, _ parts: inout UnreadableParts,
        _ state: inout State, _ modelQueries: inout Int
    ) async throws {
        let empty = slices.filter { range?.figures(of: $0.slice.period.start.day) == WaveSpeedRange.Figures.none }
        if !empty.isEmpty {
            var reading = Reading()
            reading.slices = empty.map { SliceReading($0.slice, cells: [], readAt: context.now) }
            for slice in empty { state.totals.remember(WaveSpeedRange.Figures.none, of: slice.slice.period.start.day) }
            reading.memory[Self.totalsMemory] = try RememberedJSON.text(of: state.totals)
            try await context.commit(reading)
        }
        for slice in slices where !empty.contains(slice) {
            // Outcomes cost one query per model. A day whose models are not known is read without them.
            let queries = range?.models[slice.slice.period.start.day] ?? .max
            let isAffordable = queries <= modelQueries
            if isAffordable { modelQueries -= queries }
            try await parts.isolate { try await read(slice, in: range, byModel: isAffordable, context, &state) }
        }
    }

    /// Groups days into ranges of at most 31 days, newest first.
    static func ranges(_ newestFirst: [DueSlice]) -> [[DueSlice]] {
        var ranges: [[DueSlice]] = []
        for due in newestFirst {
            if let newest = ranges.last?.first,
                due.slice.period.start.day.distance(to: newest.slice.period.start.day) < longestRange
            {
                ranges[ranges.count - 1].append(due)
            } else {
                ranges.append([due])
            }
        }
        return ranges
    }

    /// Reads one day with its outcomes and commits it.
    private func read(
        _ due: DueSlice, in range: WaveSpeedRange?, byModel: Bool, _ context: any SyncContext, _ state: inout State
    ) async throws {
        let day = due.slice.period.start.day
        let requestedAt = context.now
        let stats = try await query(day, day, context)
        let usage = try WaveSpeedDay(day, stats)
        var models = WaveSpeedModels(
            info: try await context.gauges(.modelInfo), unitPrices: try await context.gauges(.modelUnitPrice),
            lastUsed: try await context.gauges(.modelLastUsed))
        models.learn(stats.per_model_usage.values, isNewest: requestedAt < due.slice.period.end)
        if let figures = range?.figures(of: day), !figures.agrees(with: .none), usage.isEmpty {
            throw SourceFailure(.decode, "usage_stats has no usage for \(day), but the range query does")
        }
        let earlier = due.lastRead == nil ? [] : try await context.cells(of: due.slice)
        try IncompleteDay.check(usage.cells(outcomes: [:]), against: earlier, totals: usage.totals, in: name)
        let reader = WaveSpeedOutcomeReader(
            day: day, usage: usage, known: state.outcomes.last(of: day),
            queriedAt: state.outcomes.queried(on: day),
            earlier: earlier)
        // If the outcomes of a model cannot be read, the day's figures are still committed with the earlier outcomes.
        var failure: (any ReasonedFailure)?
        let outcomes = try await reader.outcomes(byModel: outcomesByModel && byModel) { model in
            guard failure == nil else { return nil }
            do {
                let stats = try await query(day, day, model: model, context)
                guard stats.per_model_usage.values.allSatisfy({ $0.model_uuid?.value == model }) else {
                    context.remark("usage_stats of one model lists others; ignoring its outcomes")
                    return nil
                }
                return try WaveSpeedDay(day, stats).outcomes
            } catch let error as any ReasonedFailure {
                failure = error
                return nil
            }
        }
        // A day without a later scheduled read is not committed without its outcomes.
        if let failure, due.settles { throw failure }
        let before = state
        state.totals.remember(range?.figures(of: day), of: day)
        let known = state.outcomes.observe(
            outcomes, whole: failure == nil ? usage.outcomes : nil, of: day, at: requestedAt, isLast: due.settles)
        var reading = Reading()
        reading.slices = [SliceReading(due.slice, cells: usage.cells(outcomes: known), readAt: requestedAt)]
        reading.gauges = models.gauges
        if !state.listsJobs { reading.gauges[.pendingRequests] = state.outcomes.pending(at: requestedAt) }
        if state.totals != before.totals {
            reading.memory[Self.totalsMemory] = try RememberedJSON.text(of: state.totals)
        }
        if state.outcomes != before.outcomes {
            reading.memory[Self.outcomesMemory] = try RememberedJSON.text(of: state.outcomes)
        }
        try await context.commit(reading)
        if let failure { throw failure }
    }

    private func query(
        _ first: UTCDay, _ last: UTCDay, model: String? = nil, _ context: any SyncContext
    ) async throws -> WaveSpeedUsageResponse {
        struct Query: Encodable {
            let start_time: String
            let end_time: String
            let model_uuid: String?
        }
        let body = try JSONEncoder().encode(
            Query(start_time: "\(first)T00:00:00Z", end_time: "\(last)T23:59:59.999Z", model_uuid: model))
        let response = try await api.send(UpstreamCall(.post, "/api/v3/user/usage_stats", jsonBody: Array(body)))
        return try WaveSpeedEnvelope<WaveSpeedUsageResponse>.payload(of: response, from: "usage_stats") {
            context.remark($0)
        }
    }
}
