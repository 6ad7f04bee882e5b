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

    /// The name under which the last day is stored on which the account had no analytics.
    static let refusedName = "no analytics on"

    /// The stored state of a day, so that it keeps the labels of its first reading.
    struct DayMemory: Codable, Equatable {
        /// The label of each key, by id.
        var names: [String: String] = [:]
        /// Whether its cost was first read without keys.
        var isWithoutKeys = false

        static func name(_ day: UTCDay) -> String { "day \(day)" }
    }

    /// The state of one sync.
    private struct Progress {
        var generation: AnthropicGeneration
        /// Whether the older generation may be read if the newer one is refused.
        var mayFallBack: Bool
        /// Nil until a key without a label was found.
        var names: KeyNames?
        /// The first failure of a single day.
        var flaw: SourceFailure?
    }

    func sync(_ context: any SyncContext) async throws {
        var parts = UnreadableParts()
        var progress = Progress(generation: .analytics, mayFallBack: setting == .auto)
        if setting == .reports { progress.generation = .reports }
        if setting == .auto, try await context.memory(Self.refusedName) == context.now.day.description {
            progress.generation = .reports
        }
        for window in AnthropicWindow.windows(of: context.dueSlices, now: context.now) {
            try await parts.isolate { try await read(window, context, &progress) }
            if let flaw = progress.flaw { parts.record(flaw) }
        }
        try parts.check()
    }

    /// Reads a window and commits its days.
    private func read(
        _ window: AnthropicWindow, _ context: any SyncContext, _ progress: inout Progress
    ) async throws {
        let reader = AnthropicReader(report: report, api: api, context: context)
        var reading = Reading()
        let figures: AnthropicFigures
        if progress.generation == .analytics, window.isInAnalytics {
            do {
                figures = try await reader.read(window, .analytics)
                progress.mayFallBack = false
            } catch let failure as UpstreamFailure
                where progress.mayFallBack && (failure.isRefusedByAPI || [400, 404].contains(failure.status))
            {
                figures = try await reader.read(window, .reports)
                progress.generation = .reports
                reading.memory[Self.refusedName] = "\(context.now.day)"
                context.remark("the older API is read, without cost by key and requests: \(failure.message)")
            }
        } else {
            figures = try await reader.read(window, .reports)
        }
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
        var memory = stored ?? DayMemory(isWithoutKeys: report == .cost && figures.generation == .reports)
        var names = SliceKeyNames(memory.names)
        if !memory.isWithoutKeys, progress.names == nil,
            rows.contains(where: { $0.keyID.map { memory.names[$0] == nil } ?? false })
        {
            progress.names = try await AnthropicKeyList.names(context, api, storedAs: Self.namesName)
        }
        var day = try AnthropicDay(due.day, rows) { id in
            if memory.isWithoutKeys { return "" }
            return names.name(ofKey: id, otherwise: progress.names?.byID[id] ?? id)
        }
        memory.names = names.byID
        let earlier = due.lastRead == nil ? [] : try await context.cells(of: due.slice)
        let isOlder = figures.generation == .reports
        if isOlder, !memory.isWithoutKeys { day.keepKeys(of: earlier) }
        day.keepRequests(of: earlier, all: isOlder)
        let cells = try day.cells(
            totals: figures.comparableTotal(of: due.slice), earlier: earlier,
            hasKeys: report == .cost && !memory.isWithoutKeys)
        reading.slices.append(SliceReading(due.slice, cells: cells, readAt: readAt))
        if stored == nil { Self.forgetDays(before: due.day, in: &reading) }
        if memory != stored ?? DayMemory() {
            reading.memory[DayMemory.name(due.day)] = try RememberedJSON.text(of: memory)
        }
    }

    /// Deletes the state of days that can no longer be read. Covers a month, so that no outage shorter than that leaves state
    /// behind.
    private static func forgetDays(before day: UTCDay, in reading: inout Reading) {
        for age in 366...396 { reading.memory[DayMemory.name(day.advanced(by: -age))] = .some(nil) }
    }
}
