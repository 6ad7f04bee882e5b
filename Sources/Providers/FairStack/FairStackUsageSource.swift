import UsageModel
import Upstream

/// `GET /v1/usage`: cost and generations by model and modality, one UTC day a slice, once more for each configured key.
///
/// `GET /v1/usage/daily` tells in one call which days have usage and which of them changed; only those are read. The zone
/// of a date is not stated; UTC is taken, as the examples' moments end in `Z`.
struct FairStackUsageSource: UsageSource {
    static let endpoint = "usage"

    let name = endpoint
    let minimumInterval = Duration.seconds(60)
    let slicing: Slicing? = Slicing(unit: .day)
    let api: any UpstreamAPI
    let keys: [FairStackKey]

    /// No longest range is documented; a month is what the examples ask for.
    static let longestRange = 31
    /// Days are committed in steps of so many, so that a first start that is interrupted goes on from there.
    static let step = 5
    private static let memory = "days"

    func sync(_ visit: any SyncVisit) async throws {
        let due = visit.dueSlices
        guard let newest = due.map(\.slice.period.start.day).max() else { return }
        var known = FairStackKnownDays(stored: try await visit.memory(Self.memory))
        known.forgetSettled(due: due, now: visit.startedAt)
        // Newest first: live data come before history.
        let ranges = Dictionary(grouping: due) {
            $0.slice.period.start.day.distance(to: newest) / Self.longestRange
        }
        for (_, range) in ranges.sorted(by: { $0.key < $1.key }) {
            try await read(range.sorted { $0.slice.period.start > $1.slice.period.start }, visit, &known)
        }
    }

    /// Asks which days of a range changed, and reads those; the range's newest day comes first.
    private func read(_ range: [DueSlice], _ visit: any SyncVisit, _ known: inout FairStackKnownDays) async throws {
        guard let last = range.first?.slice.period.start.day, let first = range.last?.slice.period.start.day else {
            return
        }
        let asked = visit.now
        let answer = try await api.send(
            UpstreamCall(.get, "/v1/usage/daily", query: [("from", "\(first)"), ("to", "\(last)")]))
        let figures = FairStackDayFigures.byDay(try FairStackBody<FairStackDaily>.payload(of: answer))
        var changed: [DueSlice] = []
        var reading = Reading()
        for due in range {
            switch known.step(for: due, figures: figures[due.slice.period.start.day]) {
            case .isEmpty:
                reading.slices.append(SliceReading(due.slice, cells: [], readAt: asked))
            case .isUnchanged:
                let cells = try await visit.cells(of: due.slice)
                reading.slices.append(SliceReading(due.slice, cells: cells, readAt: asked))
            case .read:
                changed.append(due)
            }
        }
        if !reading.slices.isEmpty { try await visit.commit(reading) }
        for start in stride(from: 0, to: changed.count, by: Self.step) {
            var reading = Reading()
            for due in changed[start..<min(start + Self.step, changed.count)] {
                let day = due.slice.period.start.day
                reading.slices.append(try await read(due, figures: figures[day], visit, &known))
            }
            reading.memory[Self.memory] = try known.encoded()
            try await visit.commit(reading)
        }
    }

    /// Reads one day whole.
    private func read(
        _ due: DueSlice, figures: FairStackDayFigures?, _ visit: any SyncVisit, _ known: inout FairStackKnownDays
    ) async throws -> SliceReading {
        let date = due.slice.period.start.day
        let asked = visit.now
        var day = FairStackDay(whole: try await usage(on: date))
        let keys = known.keys(of: date, configured: keys)
        var isConsistent = true
        var earlier: [Cell] = []
        if !keys.isEmpty {
            earlier = due.lastRead == nil ? [] : try await visit.cells(of: due.slice)
            for key in keys { day.keys[key.name] = try await usage(of: key, on: date, earlier: earlier) }
            // The answers belong together only if the account's is the same before and after the keys'. Days that are
            // history when they are first read have come to rest, so that a first start needs a query less for each.
            let isHistory = due.settles && due.lastRead == nil
            if !isHistory { isConsistent = try await usage(on: date) == day.whole }
        }
        // One of the two endpoints may be ahead of the other: the day is then read again, however it looks next time.
        let isCurrent = isConsistent && figures?.agrees(with: day.whole) ?? true
        known.remember(due, keys: keys, figures: isCurrent ? figures : nil)
        return SliceReading(due.slice, cells: day.cells(keeping: isConsistent ? [] : earlier), readAt: asked)
    }

    /// A key's part of a day. One that left the config, and that the API no longer knows, keeps what it had.
    ///
    /// - Throws: `SourceFailure` that names the key where the API does not take the id of a configured one.
    private func usage(of key: FairStackKey, on day: UTCDay, earlier: [Cell]) async throws -> FairStackBreakdown {
        do {
            return try await usage(on: day, key: key.id)
        } catch let failure as UpstreamFailure where [400, 404, 410, 422].contains(failure.status) {
            guard keys.contains(where: { $0.id == key.id }) else {
                return FairStackBreakdown(stored: earlier, key: key.name)
            }
            throw SourceFailure(
                failure.reason, "\(failure.message); asked for the key \(key.name): is its id in the config right?")
        }
    }

    private func usage(on day: UTCDay, key: String? = nil) async throws -> FairStackBreakdown {
        let query = [("from", "\(day)"), ("to", "\(day)")] + (key.map { [("key_id", $0)] } ?? [])
        let answer = try await api.send(UpstreamCall(.get, "/v1/usage", query: query.map { (name: $0.0, value: $0.1) }))
        let usage = try FairStackBody<FairStackUsage>.payload(of: answer)
        // Any JSON object fits the lenient type: one that says nothing must not pass for a day without usage.
        guard usage.total_cost?.micro != nil || usage.generation_count != nil || !usage.by_model.values.isEmpty else {
            throw SourceFailure(
                .decode, "usage: expected total_cost, generation_count or by_model; is base_url the FairStack API?")
        }
        return FairStackBreakdown(usage)
    }
}
