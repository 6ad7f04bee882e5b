import UsageModel
import Upstream

/// `GET /api/v1/billing/usage-analytics`: what each key was charged, one UTC day a slice.
///
/// The provider's own view, not an addition to `usage`: its USD holds what bundled credits paid as well, and its
/// responses are up to ten minutes old. Left out: `byModel` and its like, which `usage` has by the hour and to the row;
/// `byKeyDaily`, which adds USD and DIEM up; `totalUnits`, which adds up tokens and images.
struct VeniceAnalyticsSource: UsageSource {
    static let endpoint = "usage_analytics"

    let name = endpoint
    /// Responses are cached for ten minutes.
    let minimumInterval = Duration.minutes(10)
    /// At most 90 days are kept.
    let slicing: Slicing? = Slicing(unit: .day, kept: .days(90))
    let api: any UpstreamAPI

    /// The query for a range of days, which the API limits to 90.
    static func call(_ days: ClosedRange<UTCDay>) -> UpstreamCall {
        UpstreamCall(
            .get, "/api/v1/billing/usage-analytics",
            query: [("startDate", "\(days.lowerBound)"), ("endDate", "\(days.upperBound)")])
    }

    func sync(_ visit: any SyncVisit) async throws {
        var due = visit.dueSlices[...]
        var parts = VeniceParts()
        var read: Set<SliceID> = []
        // The open day first: where it fails for good, nothing else is queried.
        guard let open = due.popFirst(), try await tryReading(open, visit, &parts, &read) else {
            return try parts.finish()
        }
        var late = try await VeniceLateCharges(visit, api)
        for day in due + late.slices where !read.contains(day.slice) {
            guard try await tryReading(day, visit, &parts, &read) else { break }
        }
        try await late.confirm(read: read, visit)
        try parts.finish()
    }

    /// Reads one day, whose failure need not stop the others; returns false where the endpoint is missing.
    private func tryReading(
        _ due: DueSlice, _ visit: any SyncVisit, _ parts: inout VeniceParts, _ read: inout Set<SliceID>
    ) async throws -> Bool {
        do {
            guard try await self.read(due, visit) else { return false }
            parts.succeed()
            read.insert(due.slice)
        } catch let failure as any ReasonedFailure {
            try parts.fail(failure)
        }
        return true
    }

    /// Reads one day and commits it; returns false where the endpoint is missing.
    private func read(_ due: DueSlice, _ visit: any SyncVisit) async throws -> Bool {
        let day = due.slice.period.start.day
        let requested = visit.now
        guard let response = try await api.sendOptional(Self.call(day...day), telling: visit) else { return false }
        let analytics = try JSONBody.decode(VeniceAnalytics.self, from: response) { visit.remark($0) }
        let names: [String: String]? = try await visit.remembered(Self.namesName(day))
        let moved: [String: VeniceMovedUsage]? = try await visit.remembered(Self.movedName(day))
        var memory = VeniceDayMemory(names: VeniceDayNames(names ?? [:]), moved: moved ?? [:])
        let earlier = due.lastRead == nil ? [] : try await visit.cells(of: due.slice)
        var reading = Reading()
        reading.slices = [
            SliceReading(
                due.slice, cells: try analytics.cells(of: day, earlier: earlier, &memory), readAt: requested)
        ]
        if names == nil { Self.forgetDays(before: day, in: &reading) }
        if memory.names.byID != names {
            reading.memory[Self.namesName(day)] = try RememberedJSON.text(of: memory.names.byID)
        }
        if memory.moved != moved ?? [:] {
            reading.memory[Self.movedName(day)] = .some(
                memory.moved.isEmpty ? nil : try RememberedJSON.text(of: memory.moved))
        }
        try await visit.commit(reading)
        return true
    }

    private static func namesName(_ day: UTCDay) -> String { "names \(day)" }
    private static func movedName(_ day: UTCDay) -> String { "moved \(day)" }

    /// The ledger keeps cells for at most 100 days, and what is remembered of a day is needed as long as its cells.
    private static let daysRemembered = 100

    /// Forgets the days whose cells are not kept any more: once a day, those of a month, so that no outage shorter than
    /// that leaves one behind.
    private static func forgetDays(before day: UTCDay, in reading: inout Reading) {
        for age in (daysRemembered + 1)...(daysRemembered + 31) {
            let old = day.advanced(by: -age)
            reading.memory[namesName(old)] = .some(nil)
            reading.memory[movedName(old)] = .some(nil)
        }
    }
}
