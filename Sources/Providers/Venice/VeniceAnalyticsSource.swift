import Upstream
import UsageModel

/// `GET /api/v1/billing/usage-analytics`: charges by key and by modality, one UTC day per slice, and the modality of
/// each model.
///
/// This is the provider's own view, not an addition to `usage`: its USD includes what bundled credits paid, and its
/// responses are up to ten minutes old. The names of keys come from `api_keys`, once per sync. Not read: the other fields
/// of `byModel`, which `usage` has by hour and row; `byKeyDaily`, which sums USD and DIEM, and `byModelDailyUsd` and
/// `byKeyDailyUsd`, which one day per query makes redundant; `totalUnits`, which sums tokens and images.
struct VeniceAnalyticsSource: UsageSource {
    static let endpoint = "usage_analytics"

    let name = endpoint
    /// Ten minutes, because the API caches responses for that time.
    let minimumInterval = Duration.minutes(10)
    let costViews: Set<LedgerFamily> = [.keyCost, .keyCredits, .modalityCost]
    /// The API keeps at most 90 days.
    let slicing: Slicing? = Slicing(unit: .day, kept: .days(90))
    let api: any UpstreamAPI

    /// Returns the query for a range of days, which the API limits to 90.
    static func call(_ days: ClosedRange<UTCDay>) -> UpstreamCall {
        UpstreamCall(
            .get, "/api/v1/billing/usage-analytics",
            query: [("startDate", "\(days.lowerBound)"), ("endDate", "\(days.upperBound)")])
    }

    /// The state of one sync.
    private struct Progress {
        var parts = VeniceParts()
        var read: Set<SliceID> = []
        /// Nil until the first day was read, because a key that cannot read it cannot read `api_keys` either.
        var names: KeyNames?
    }

    func sync(_ context: any SyncContext) async throws {
        var due = context.dueSlices[...]
        var progress = Progress()
        // The open day first. If it fails permanently, nothing else is queried.
        guard let open = due.popFirst(), try await tryReading(open, context, &progress) else {
            return try progress.parts.finish()
        }
        var late = try await VeniceLateCharges(context, api)
        for day in due + late.slices where !progress.read.contains(day.slice) {
            guard try await tryReading(day, context, &progress) else { break }
        }
        try await late.confirm(read: progress.read, context)
        try progress.parts.finish()
    }

    /// Reads one day. Its failure need not stop the others. Returns false if the endpoint is missing.
    private func tryReading(
        _ due: DueSlice, _ context: any SyncContext, _ progress: inout Progress
    ) async throws -> Bool {
        do {
            guard try await read(due, context, &progress) else { return false }
            progress.parts.succeed()
            progress.read.insert(due.slice)
        } catch let failure as any ReasonedFailure {
            try progress.parts.fail(failure)
        }
        return true
    }

    /// Reads one day and commits it. Returns false if the endpoint is missing.
    private func read(_ due: DueSlice, _ context: any SyncContext, _ progress: inout Progress) async throws -> Bool {
        let day = due.slice.period.start.day
        let requested = context.now
        guard let response = try await api.sendIfPresent(Self.call(day...day), for: [], context) else { return false }
        let analytics = try JSONBody.decode(VeniceAnalytics.self, from: response) { context.remark($0) }
        let known = if let names = progress.names { names } else { try await VeniceKeyNames.current(context, api) }
        let isFirst = progress.names == nil
        progress.names = known
        let names: [String: String]? = try await context.remembered(Self.namesName(day))
        let moved: [String: VeniceMovedUsage]? = try await context.remembered(Self.movedName(day))
        var memory = VeniceDayMemory(
            names: SliceKeyNames(names ?? [:], reserved: VeniceKeyNames.reserved), known: known, moved: moved ?? [:])
        let earlier = due.lastRead == nil ? [] : try await context.cells(of: due.slice)
        var reading = Reading()
        reading.slices = [
            SliceReading(
                due.slice, cells: try analytics.cells(of: day, earlier: earlier, &memory), readAt: requested)
        ]
        let models = try await context.gauges(.modelInfo)
        reading.gauges[.modelInfo] = analytics.modelInfo(after: models)
        if isFirst { reading.memory[VeniceKeyNames.memoryName] = try RememberedJSON.text(of: known) }
        if names == nil { Self.forgetDays(before: day, in: &reading) }
        if memory.names.byID != names {
            reading.memory[Self.namesName(day)] = try RememberedJSON.text(of: memory.names.byID)
        }
        if memory.moved != moved ?? [:] {
            reading.memory[Self.movedName(day)] = .some(
                memory.moved.isEmpty ? nil : try RememberedJSON.text(of: memory.moved))
        }
        try await context.commit(reading)
        return true
    }

    private static func namesName(_ day: UTCDay) -> String { "names \(day)" }
    private static func movedName(_ day: UTCDay) -> String { "moved \(day)" }

    /// The number of days to keep a day's state: the ledger keeps cells, which need the state, for at most 100 days.
    private static let daysRemembered = 100

    /// Deletes the state of days whose cells are no longer kept. Runs once a day and covers a month, so that no outage
    /// shorter than that leaves state behind.
    private static func forgetDays(before day: UTCDay, in reading: inout Reading) {
        for age in (daysRemembered + 1)...(daysRemembered + 31) {
            let old = day.advanced(by: -age)
            reading.memory[namesName(old)] = .some(nil)
            reading.memory[movedName(old)] = .some(nil)
        }
    }
}
