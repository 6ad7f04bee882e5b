import Foundation
import UsageModel
import Upstream

/// `POST /api/v3/user/usage_stats`: cost and requests by model, outcomes by model or day, one UTC day a slice.
///
/// The documentation does not state the zone of a day; UTC is taken, as its examples write `Z`.
struct WaveSpeedUsageSource: UsageSource {
    static let endpoint = "usage_stats"

    let name = endpoint
    let minimumInterval = Duration.seconds(10)
    let slicing: Slicing? = Slicing(unit: .day)
    let api: any UpstreamAPI
    let outcomesByModel: Bool

    /// "Query time range cannot exceed 31 days."
    static let longestRange = 31
    /// History is committed in steps of so many days, so that a first start that is interrupted goes on from there.
    static let historyStep = 5
    /// Days of history are asked by model only while that takes no more queries than this; beyond, by day, so that
    /// a first start of an account with many models costs one query a day.
    static let historyModelQueries = 100
    /// The most models that a day's sync asks about; the others have their turn at the next.
    static let dayModelQueries = 100

    func sync(_ visit: any SyncVisit) async throws {
        let due = visit.dueSlices
        let old = due.filter { $0.settles && $0.lastRead == nil }
        let recent = due.filter { !($0.settles && $0.lastRead == nil) }
        // Live data come first; their days are read oldest first, so that the newest price of a model stays.
        try await read(recent.sorted { $0.slice.period.start < $1.slice.period.start }, visit) { _ in true }
        try await readHistory(old, visit)
    }

    /// Days that are settled as soon as they are read: one query over up to 31 of them finds those with usage.
    private func readHistory(_ old: [DueSlice], _ visit: any SyncVisit) async throws {
        let newestFirst = old.sorted { $0.slice.period.start > $1.slice.period.start }
        var modelQueries = Self.historyModelQueries
        for range in Self.ranges(newestFirst) {
            guard let first = range.last, let last = range.first else { continue }
            let asked = visit.now
            let stats = try await query(first.slice.period.start.day, last.slice.period.start.day)
            var modelsByDay: [UTCDay: Int] = [:]
            for usage in stats.daily_usage.values {
                guard let day = usage.date.flatMap({ UTCDay($0.value) }) else { continue }
                modelsByDay[day] = usage.models.values.count
            }
            var empty = Reading()
            empty.slices = range.filter { modelsByDay[$0.slice.period.start.day] == nil }
                .map { SliceReading($0.slice, cells: [], readAt: asked) }
            if !empty.slices.isEmpty { try await visit.commit(empty) }
            let used = range.filter { modelsByDay[$0.slice.period.start.day] != nil }
            for start in stride(from: 0, to: used.count, by: Self.historyStep) {
                let step = used[start..<min(start + Self.historyStep, used.count)]
                let queries = step.reduce(0) { $0 + (modelsByDay[$1.slice.period.start.day] ?? 0) }
                let affordable = queries <= modelQueries
                if affordable { modelQueries -= queries }
                try await read(step.reversed(), visit) { _ in affordable }
            }
        }
    }

    /// Runs of at most 31 days from the newest to the oldest of them.
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

    /// Reads whole days and commits them in one step.
    private func read(
        _ days: some Sequence<DueSlice>, _ visit: any SyncVisit, byModel: (UTCDay) -> Bool
    ) async throws {
        var reading = Reading()
        var models = WaveSpeedModels(
            info: try await visit.gauges(.modelInfo), unitPrices: try await visit.gauges(.modelUnitPrice),
            lastUsed: try await visit.gauges(.modelLastUsed))
        for due in days {
            let day = due.slice.period.start.day
            let asked = visit.now
            let stats = try await query(day, day)
            let usage = try WaveSpeedDay(day, stats)
            models.learn(stats.per_model_usage.values)
            let outcomes = try await outcomes(
                of: usage, on: day, byModel: outcomesByModel && byModel(day),
                earlier: due.lastRead == nil ? [] : try await visit.cells(of: due.slice))
            reading.slices.append(SliceReading(due.slice, cells: usage.cells(outcomes: outcomes), readAt: asked))
        }
        guard !reading.slices.isEmpty else { return }
        reading.gauges = models.gauges
        try await visit.commit(reading)
    }

    /// Outcomes by model, asked only for models whose count changed since they were last asked.
    private func outcomes(
        of usage: WaveSpeedDay, on day: UTCDay, byModel: Bool, earlier: [Cell]
    ) async throws -> [String: WaveSpeedDay.Outcomes] {
        guard let whole = usage.outcomes else { return [:] }
        // A day keeps the way it was first read in: outcomes that moved from the empty label to a model, or back,
        // would count twice, since the counter they leave never falls.
        let wasListed = earlier.contains { $0.family == .requests && !$0.labels[1].isEmpty }
        let wasByModel = earlier.contains { $0.family == .outcomes && !$0.labels[1].isEmpty }
        guard wasListed ? wasByModel : byModel else { return whole.total > 0 ? ["": whole] : [:] }
        var known = Self.outcomes(in: earlier)
        let earlierRest = known.removeValue(forKey: "")
        var isConsistent = true
        var queries = 0
        for (model, figures) in usage.models.sorted(by: { $0.key < $1.key })
        where known[model].map({ ExactDecimal($0.total) }) != figures.count {
            guard queries < Self.dayModelQueries else {
                isConsistent = false
                break
            }
            queries += 1
            let stats = try await query(day, day, model: model)
            guard let asked = try WaveSpeedDay(day, stats).outcomes else { return whole.total > 0 ? ["": whole] : [:] }
            known[model] = asked
            // New usage arrived between the two queries: this model is ahead of the day's totals until next time.
            if ExactDecimal(asked.total) != figures.count { isConsistent = false }
        }
        // What no listed model explains stays with the empty label. While the queries disagree it must not take up
        // what belongs to a model, since a counter could never give it back.
        if isConsistent {
            let successes = known.values.reduce(ExactDecimal.zero) { $0 + ExactDecimal($1.successes) }
            let unassigned = (ExactDecimal(whole.successes) - successes).wholeNumber ?? 0
            let rest = WaveSpeedDay.Outcomes(
                total: usage.unlistedCount, successes: min(max(0, unassigned), usage.unlistedCount))
            known[""] = rest.total > 0 ? rest : nil
        } else {
            known[""] = earlierRest
        }
        return known
    }

    private static func outcomes(in cells: [Cell]) -> [String: WaveSpeedDay.Outcomes] {
        var counts: [String: (success: Int, failure: Int)] = [:]
        for cell in cells where cell.family == .outcomes {
            let count = cell.value.wholeNumber ?? 0
            if cell.labels[2] == "success" {
                counts[cell.labels[1], default: (0, 0)].success += count
            } else {
                counts[cell.labels[1], default: (0, 0)].failure += count
            }
        }
        return counts.mapValues { WaveSpeedDay.Outcomes(total: $0.success + $0.failure, successes: $0.success) }
    }

    private func query(_ first: UTCDay, _ last: UTCDay, model: String? = nil) async throws -> WaveSpeedUsageStats {
        struct Query: Encodable {
            let start_time: String
            let end_time: String
            let model_uuid: String?
        }
        let body = try JSONEncoder().encode(
            Query(start_time: "\(first)T00:00:00Z", end_time: "\(last)T23:59:59Z", model_uuid: model))
        let answer = try await api.send(UpstreamCall(.post, "/api/v3/user/usage_stats", jsonBody: Array(body)))
        return try WaveSpeedEnvelope<WaveSpeedUsageStats>.payload(of: answer, from: "usage_stats")
    }
}
