import Upstream
import UsageModel

/// Cost, or tokens and requests, by key and model, one UTC day per slice.
///
/// A day past the time up to which the response's figures are complete is not committed, and the day of that time counts
/// as read until then only. Figures may change until about a week after the end of their month, so days are read again
/// until then; because one range has up to 31 days, that costs a request or two a day.
struct AnthropicReportSource: UsageSource {
    let report: AnthropicReport
    let setting: AnthropicEndpointSetting
    let api: any UpstreamAPI

    var name: String { report.rawValue }
    let minimumInterval = Duration.minutes(5)
    /// The analytics reach back 365 days from the request, which may arrive after midnight.
    let slicing: Slicing? = Slicing(unit: .day, kept: .days(364), revisedAfterMonth: .days(8))
    var reportsCost: Bool { report == .cost }
    var costViews: Set<LedgerFamily> { report == .cost && setting != .reports ? [.keyCost] : [] }

    /// The name under which the last UTC day is stored on which the newer generation was refused.
    static let refusedName = "no analytics on"

    /// The stored state of a day, so that it keeps the labels of its first reading.
    struct DayMemory: Codable, Equatable {
        /// The generation that the day was read with. The two differ in keys, and may in models: what was counted under
        /// the labels of one would be counted again under those of the other.
        var generation: AnthropicGeneration
        /// The label of each key, by id.
        var names: [String: String] = [:]

        static func name(_ day: UTCDay) -> String { "day \(day)" }
    }

    /// The due days by the generation to read them with.
    private struct Plan {
        var analytics: [DueSlice] = []
        var reports: [DueSlice] = []
        /// Those of `analytics` that have no figures yet, so that the older generation may read them too.
        var movable: [DueSlice] = []
    }

    /// The state of one sync.
    private struct Progress {
        /// Whether the account has the newer generation.
        var hasAnalytics = false
        /// Whether days are read with the older generation because the newer one was refused.
        var isRefused = false
        /// Nil until a key without a label was found.
        var names: KeyNames?
        /// The first failure of a single day.
        var flaw: SourceFailure?
    }

    func sync(_ context: any SyncContext) async throws {
        var parts = UnreadableParts()
        var progress = Progress()
        var plan = try await plan(context)
        do {
            try await read(plan.analytics, .analytics, context, &parts, &progress)
        } catch let failure as UpstreamFailure
            where !progress.hasAnalytics && (failure.isRefusedByAPI || [400, 404].contains(failure.status))
        {
            if plan.movable.count < plan.analytics.count || setting != .auto { parts.record(failure) }
            if setting == .auto, !plan.movable.isEmpty {
                context.remark(
                    "the newer API is refused, so the older one is read, without cost by key and requests: "
                        + failure.message)
                progress.isRefused = true
                plan.reports += plan.movable
            }
        }
        do {
            try await read(plan.reports, .reports, context, &parts, &progress)
        } catch let failure as UpstreamFailure where failure.isLasting {
            parts.record(failure)
        }
        try parts.check()
    }

    /// Chooses the generation of each due day: the one that its figures are of; for a day without figures, the newer one
    /// unless the setting or today's refusal excludes it.
    private func plan(_ context: any SyncContext) async throws -> Plan {
        let refusedDay = try await context.memory(Self.refusedName)
        let hasAnalytics = setting == .analytics || setting == .auto && refusedDay != "\(context.now.day)"
        var plan = Plan()
        for due in context.dueSlices {
            let memory: DayMemory? = try await context.remembered(DayMemory.name(due.day))
            if let memory, try await context.cells(of: due.slice).hasFigures {
                switch memory.generation {
                case .analytics: plan.analytics.append(due)
                case .reports: plan.reports.append(due)
                }
            } else if hasAnalytics, due.day >= AnthropicGeneration.firstAnalyticsDay {
                plan.analytics.append(due)
                plan.movable.append(due)
            } else {
                plan.reports.append(due)
            }
        }
        return plan
    }

    /// Reads days with one generation.
    private func read(
        _ days: [DueSlice], _ generation: AnthropicGeneration, _ context: any SyncContext,
        _ parts: inout UnreadableParts, _ progress: inout Progress
    ) async throws {
        for window in AnthropicWindow.windows(of: days, now: context.now) {
            try await parts.isolate { try await read(window, generation, context, &progress) }
            if let flaw = progress.flaw { parts.record(flaw) }
        }
    }

    /// Reads a window and commits its days. If a page of the older generation is too large, halves of the window are read,
    /// the newer one first, which fails at once if its newest day cannot be read either.
    private func read(
        _ window: AnthropicWindow, _ generation: AnthropicGeneration, _ context: any SyncContext,
        _ progress: inout Progress
    ) async throws {
        let reader = AnthropicReader(report: report, api: api, context: context)
        let figures: AnthropicFigures?
        do {
            figures = try await reader.read(window, generation)
        } catch let failure as UpstreamFailure
            where failure.reason == .decode && generation == .reports && window.due.count > 1
        {
            for half in window.halves {
                do {
                    try await read(half, generation, context, &progress)
                } catch let flaw as SourceFailure where flaw.reason == .decode {
                    progress.flaw = progress.flaw ?? flaw
                }
            }
            return
        }
        if generation == .analytics { progress.hasAnalytics = true }
        guard let figures else { return }
        var reading = Reading()
        var flaw: SourceFailure?
        for due in window.due {
            do {
                try await add(due, figures, context, &progress, to: &reading)
            } catch let failure as SourceFailure where failure.reason == .decode {
                flaw = flaw ?? failure
            }
        }
        if reading.slices.isEmpty, let flaw { throw flaw }
        progress.flaw = progress.flaw ?? flaw
        if generation == .reports, progress.isRefused { reading.memory[Self.refusedName] = "\(context.now.day)" }
        if let names = progress.names { reading.memory[Self.namesName] = try RememberedJSON.text(of: names) }
        try await context.commit(reading)
    }

    private static let namesName = "names"

    /// Adds the slice of a day, unless its figures are less complete than the stored ones.
    private func add(
        _ due: DueSlice, _ figures: AnthropicFigures, _ context: any SyncContext, _ progress: inout Progress,
        to reading: inout Reading
    ) async throws {
        let readAt = figures.completeUntil
        guard readAt > due.slice.period.start || figures.refreshedAt == nil else { return }
        // A later reading than now was dated by a clock that has been set back since.
        if let lastRead = due.lastRead, readAt < lastRead, lastRead <= figures.requestedAt { return }
        let rows = figures.parts[due.day] ?? []
        let stored: DayMemory? = try await context.remembered(DayMemory.name(due.day))
        var names = SliceKeyNames(stored?.names ?? [:])
        if progress.names == nil, rows.contains(where: { $0.keyID.map { names.byID[$0] == nil } ?? false }) {
            progress.names = try await AnthropicKeyList.names(context, api, storedAs: Self.namesName)
        }
        var day = try AnthropicDay(due.day, rows) { id in
            names.name(ofKey: id, otherwise: progress.names?.byID[id] ?? id)
        }
        let earlier = try await context.cells(of: due.slice)
        day.keepRequests(of: earlier)
        let cells = try day.cells(
            totals: figures.comparableTotal(of: due.slice), earlier: earlier,
            hasKeys: report == .cost && figures.generation == .analytics)
        reading.slices.append(SliceReading(due.slice, cells: cells, readAt: readAt))
        if stored == nil { Self.forgetDays(before: due.day, in: &reading) }
        let memory = DayMemory(generation: figures.generation, names: names.byID)
        if memory != stored { reading.memory[DayMemory.name(due.day)] = try RememberedJSON.text(of: memory) }
    }

    /// Deletes the state of days that can no longer be read. Covers a month, so that no outage shorter than that leaves state
    /// behind.
    private static func forgetDays(before day: UTCDay, in reading: inout Reading) {
        for age in 366...396 { reading.memory[DayMemory.name(day.advanced(by: -age))] = .some(nil) }
    }
}
