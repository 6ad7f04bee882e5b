import UsageModel
import Upstream

/// `GET /v1/usage`: cost and generations by model and modality, one UTC day a slice, once more for each configured key.
///
/// One `GET /v1/usage/daily` a sync says which of the last 31 days changed, also of those that left the re-read
/// schedule; only these days are read. The zone of a date is not stated; UTC is taken, as the timestamps of the
/// documentation's examples end in `Z`.
struct FairStackUsageSource: UsageSource {
    static let endpoint = "usage"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = Slicing(unit: .day)
    let reportsCost = true
    let upstream: FairStackUsageAPI
    let keys: [FairStackKey]

    /// Days of one query; no longest range is documented, and a month is what the examples ask for.
    static let longestRange = 31
    /// Days that the re-read schedule goes back; their cells are always kept.
    private static let longestScheduled = 3
    private static let refusedMemory = "refused"

    init(api: any UpstreamAPI, keys: [FairStackKey]) {
        upstream = FairStackUsageAPI(api: api)
        self.keys = keys
    }

    func sync(_ visit: any SyncVisit) async throws {
        let due = visit.dueSlices
        guard let newest = due.map(\.slice.period.start.day).max() else { return }
        let stored = try await visit.memory(Self.refusedMemory)
        var run = FairStackUsageRun(
            visit: visit, upstream: upstream,
            reader: FairStackDayReader(
                upstream, configured: keys, refused: FairStackRefusedKeys(stored: stored, configured: keys)))
        do {
            // Newest first: live data come before history.
            let ranges = Dictionary(grouping: due) {
                $0.slice.period.start.day.distance(to: newest) / Self.longestRange
            }
            for (number, range) in ranges.sorted(by: { $0.key < $1.key }) {
                let others = number == 0 ? daysOffSchedule(visit, newest: newest) : []
                try await run.read(range, reopenable: others)
            }
        } catch {
            try await remember(run.reader.refused, over: stored, visit)
            throw error
        }
        try await remember(run.reader.refused, over: stored, visit)
        if let failure = run.reader.refused.failure { run.unreadable.record(failure) }
        try run.unreadable.check()
    }

    /// The days of the newest range that are not due: those that left the schedule, and those between two of its readings.
    private func daysOffSchedule(_ visit: any SyncVisit, newest: UTCDay) -> [DueSlice] {
        let settled = visit.reopenable.filter { $0.isWithin(Self.longestRange, of: newest) }
        let known = Set((visit.dueSlices + settled).map(\.slice))
        let recent = (1...Self.longestScheduled).map { SliceID(period: newest.advanced(by: -$0).period) }
        let waiting = recent.filter {
            !known.contains($0) && $0.period.end > visit.ledgerStart
                && $0.period.end + .days(Self.longestScheduled) > visit.startedAt
        }
        return waiting.map { DueSlice(slice: $0, lastRead: visit.startedAt, settles: false) } + settled
    }

    private func remember(_ refused: FairStackRefusedKeys, over stored: String?, _ visit: any SyncVisit) async throws {
        let text = try refused.encoded()
        guard text != stored else { return }
        var reading = Reading()
        reading.memory.updateValue(text, forKey: Self.refusedMemory)
        try await visit.commit(reading)
    }
}

extension DueSlice {
    /// Whether the slice's day is among the given number of days that end with another.
    fileprivate func isWithin(_ days: Int, of newest: UTCDay) -> Bool {
        (0..<days).contains(slice.period.start.day.distance(to: newest))
    }
}
