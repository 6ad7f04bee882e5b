import UsageModel
import Upstream

/// Finds days whose usage changed after their slices left the re-read schedule.
///
/// One query over up to 31 days of `usage-analytics` returns USD and DIEM by day. A day whose figures differ from those
/// of the last query is read again. The figures are only compared and never counted, because USD there includes what
/// bundled credits paid. Changes in other currencies are not detected.
struct VeniceLateCharges {
    static let memoryName = "day totals"
    /// The time between two queries; the API caches the response for ten minutes.
    static let interval = Duration.hours(1)
    /// The time until the next query after a failed one. An account may have no access to the endpoint, and Venice.ai
    /// locks out clients that send many failing requests.
    static let pause = Duration.hours(6)
    /// The days that one query covers, today included.
    static let days = 31

    private struct Memory: Codable {
        /// USD and DIEM of one day; nil if the API sent none.
        struct Figures: Codable {
            var usd: String?
            var diem: String?
        }

        /// The time of the next query.
        var next: Timestamp?
        var days: [String: Figures] = [:]
    }

    private var memory: Memory
    /// Days that changed, and their slices to read again.
    private var changed: [UTCDay: (figures: VeniceDayFigures, slices: [DueSlice])] = [:]

    /// The slices to read again, newest first.
    var slices: [DueSlice] {
        changed.values.flatMap(\.slices).sorted { $0.slice.period.start > $1.slice.period.start }
    }

    /// Sends the query if it is due, and compares its response with the last one.
    ///
    /// A failed query yields no slices, and never fails the sync.
    init(_ context: any SyncContext, _ api: any UpstreamAPI) async throws {
        memory = try await context.remembered(Self.memoryName) ?? Memory()
        let now = context.now
        let first = max(now.day.advanced(by: 1 - Self.days), context.ledgerStart.day)
        // A time beyond the longest delay comes from a clock that was set back since.
        let isDue = memory.next.map { $0 <= now || $0 > now + Self.pause } ?? true
        guard isDue, first <= now.day else { return }
        do {
            // This endpoint may be deprecated while the source's own is not.
            let response = try await api.send(VeniceAnalyticsSource.call(first...now.day).incidental)
            compare(try JSONBody.decode(VeniceDayTotals.self, from: response), in: first...now.day, context.reopenable)
            memory.next = now + Self.interval
        } catch let failure as any ReasonedFailure {
            memory.next = now + Self.pause
            let isMissing = [404, 410].contains((failure as? UpstreamFailure)?.status)
            if !isMissing { context.remark("cannot query for late charges: \(failure.message)") }
        }
        try await store(context)
    }

    /// Stores the figures of the changed days that were read; the others still count as changed at the next query.
    ///
    /// - Parameter read: all slices that this sync has read.
    mutating func confirm(read: Set<SliceID>, _ context: any SyncContext) async throws {
        let confirmed = changed.filter { $0.value.slices.allSatisfy { read.contains($0.slice) } }
        guard !confirmed.isEmpty else { return }
        for (day, change) in confirmed { remember(change.figures, of: day) }
        try await store(context)
    }

    private mutating func compare(
        _ totals: VeniceDayTotals, in days: ClosedRange<UTCDay>, _ reopenable: [DueSlice]
    ) {
        let slices = Dictionary(grouping: reopenable) { $0.slice.period.start.day }
        for figures in totals.byDate.values {
            guard let day = figures.day, days.contains(day) else { continue }
            if let slices = slices[day], let before = memory.days[day.description],
                Self.differ(before.usd, figures.usd) || Self.differ(before.diem, figures.diem)
            {
                changed[day] = (figures, slices)
            } else {
                remember(figures, of: day)
            }
        }
        // The API may omit days without usage, so their first figure also counts as a change.
        for day in days where memory.days[day.description] == nil { memory.days[day.description] = Memory.Figures() }
        memory.days = memory.days.filter { $0.key >= days.lowerBound.description }
    }

    private mutating func remember(_ figures: VeniceDayFigures, of day: UTCDay) {
        var known = memory.days[day.description] ?? Memory.Figures()
        known.usd = figures.usd?.description ?? known.usd
        known.diem = figures.diem?.description ?? known.diem
        memory.days[day.description] = known
    }

    private static func differ(_ before: String?, _ now: ExactDecimal?) -> Bool {
        guard let now else { return false }
        let before = before.flatMap { ExactDecimal($0) } ?? .zero
        return (now - before).magnitude >= Remainder.noise
    }

    private func store(_ context: any SyncContext) async throws {
        var reading = Reading()
        reading.memory[Self.memoryName] = try RememberedJSON.text(of: memory)
        try await context.commit(reading)
    }
}

/// The totals by day in the response of `usage-analytics` for a range of days.
private struct VeniceDayTotals: Decodable {
    let byDate: BoundedArray<VeniceDayFigures>
}
