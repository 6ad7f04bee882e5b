import Upstream
import UsageModel

/// Outcomes of the requests of days that are not settled yet. A value type, stored as JSON.
///
/// A request is charged when its job is created, so `total − success` includes running jobs. Requests count as failed
/// only as far as this difference persists: its minimum over the trailing hour, or all of it one hour after the end of
/// the day. The rest is pending. If some jobs run at every time of an hour, the minimum number of them counts as failed
/// until the day is over, because the figures do not distinguish them.
struct WaveSpeedOutcomes: Equatable, Codable {
    /// The counted outcomes of a model, or of the requests without a listed model.
    struct Known: Equatable {
        let successes: Int
        let failures: Int
    }

    private struct Change: Equatable, Codable {
        /// The time since which this number of requests had not succeeded.
        let since: Timestamp
        let unfinished: Int
    }

    private struct Model: Equatable, Codable {
        var total: Int
        var successes: Int
        var changes: [Change]

        func known(at now: Timestamp, isOver: Bool) -> Known {
            let unfinished = max(0, total - successes)
            guard !isOver else { return Known(successes: successes, failures: unfinished) }
            let start = now - WaveSpeedOutcomes.patience
            // The number of unfinished requests at the start of the hour, and its minimum since then.
            guard let first = changes.lastIndex(where: { $0.since <= start }) else {
                return Known(successes: successes, failures: 0)
            }
            return Known(successes: successes, failures: changes[first...].map(\.unfinished).min() ?? 0)
        }
    }

    /// How long a request may run before it counts as failed.
    static let patience = Duration.hours(1)

    private struct Day: Equatable, Codable {
        /// By model; "" holds the requests without a listed model.
        var models: [String: Model]
        /// The day's own requests and successes when its models were last read.
        var total: Int?
        var successes: Int?
    }

    /// The time within which changes are merged, so that short intervals do not accumulate entries.
    private static let resolution = Duration.minutes(1)

    /// By date (`2026-11-20`).
    private var days: [String: Day] = [:]

    init() {}

    /// Returns the figures last read of a day, by model; nil if the day is not tracked.
    func last(of day: UTCDay) -> [String: WaveSpeedDay.Outcomes]? {
        days[day.description]?.models.mapValues { WaveSpeedDay.Outcomes(total: $0.total, successes: $0.successes) }
    }

    /// Returns the day's own figures when its models were last read; nil if unknown.
    func queried(on day: UTCDay) -> WaveSpeedDay.Outcomes? {
        guard let known = days[day.description], let total = known.total, let successes = known.successes else {
            return nil
        }
        return WaveSpeedDay.Outcomes(total: total, successes: successes)
    }

    /// Records the figures of a day, and returns its counted outcomes.
    ///
    /// - Parameters:
    ///   - outcomes: the figures by model; models that are missing here are removed.
    ///   - whole: the day's own figures, if all its models could be read.
    ///   - isLast: whether the schedule has no later read; the day is then no longer tracked.
    mutating func observe(
        _ outcomes: [String: WaveSpeedDay.Outcomes], whole: WaveSpeedDay.Outcomes?, of day: UTCDay,
        at now: Timestamp, isLast: Bool
    ) -> [String: Known] {
        let earlier = days[day.description]?.models ?? [:]
        var models: [String: Model] = [:]
        for (id, outcome) in outcomes {
            let unfinished = max(0, outcome.total - outcome.successes)
            var model = Model(
                total: outcome.total, successes: outcome.successes,
                // Timestamps in the future come from a clock that was set back since.
                changes: (earlier[id]?.changes ?? []).filter { $0.since <= now })
            if let last = model.changes.last, model.changes.count > 1, now - last.since < Self.resolution {
                let lowest = min(last.unfinished, unfinished)
                model.changes[model.changes.count - 1] = Change(since: last.since, unfinished: lowest)
            } else if model.changes.last?.unfinished != unfinished {
                model.changes.append(Change(since: now, unfinished: unfinished))
            }
            let start = now - Self.patience
            if let first = model.changes.lastIndex(where: { $0.since <= start }) {
                model.changes.removeFirst(first)
            }
            models[id] = model
        }
        days[day.description] =
            isLast ? nil : Day(models: models, total: whole?.total, successes: whole?.successes)
        return models.mapValues { $0.known(at: now, isOver: Self.isOver(day, at: now)) }
    }

    private static func isOver(_ day: UTCDay, at now: Timestamp) -> Bool { day.period.end + patience <= now }

    /// Drops days that the schedule no longer reads.
    mutating func forget(before day: UTCDay) {
        days = days.filter { $0.key >= day.description }
    }

    /// Returns the samples of `genai_pending_requests` by model, over all tracked days.
    func pending(at now: Timestamp) -> [GaugeSample] {
        var pending: [String: Int] = [:]
        for (day, known) in days {
            let isOver = UTCDay(day).map { Self.isOver($0, at: now) } ?? true
            for (id, model) in known.models {
                let known = model.known(at: now, isOver: isOver)
                pending[id, default: 0] += max(0, model.total - known.successes - known.failures)
            }
        }
        return pending.sorted { $0.key < $1.key }.prefix(longestArray).map { GaugeSample([$0.key], Double($0.value)) }
    }
}

/// Determines the outcomes of a day's requests by model, with as few queries as possible.
struct WaveSpeedOutcomeReader {
    /// The maximum number of models that one sync queries for a day; the next sync queries the others.
    static let mostQueries = 100

    let day: UTCDay
    let usage: WaveSpeedDay
    /// The figures last read, by model; nil if the day is not tracked.
    let known: [String: WaveSpeedDay.Outcomes]?
    /// The day's own figures when models were last queried; nil if they were not.
    let queriedAt: WaveSpeedDay.Outcomes?
    /// The stored cells of the day.
    let earlier: [Cell]

    /// Returns the outcomes by model; the model "" has those without a listed model.
    ///
    /// A model is queried if its count changed. If the known successes do not sum to the day's summary, models with
    /// unsuccessful requests are queried first, then the others. Nothing is queried if neither changed.
    ///
    /// - Parameters:
    ///   - byModel: whether a day that was not read before is read by model.
    ///   - query: returns the outcomes of one model; nil if the response cannot be used.
    func outcomes(
        byModel: Bool, query: (_ model: String) async throws -> WaveSpeedDay.Outcomes?
    ) async throws -> [String: WaveSpeedDay.Outcomes] {
        guard let whole = usage.outcomes else { return [:] }
        // A day keeps the mode of its first read. Outcomes that moved between the empty label and a model would count
        // twice, because the counter that they leave never falls.
        let hadOutcomes = earlier.contains { $0.family == .outcomes }
        let wasByModel = earlier.contains { $0.family == .outcomes && !$0.labels[1].isEmpty }
        guard hadOutcomes ? wasByModel : byModel else { return whole.total > 0 ? ["": whole] : [:] }
        var found = known ?? Self.outcomes(in: earlier)
        let earlierRest = found.removeValue(forKey: "")
        var isConsistent = true
        var queries = 0
        var queried: Set<String> = []
        func read(_ models: [String]) async throws {
            for model in models where queried.insert(model).inserted {
                guard queries < Self.mostQueries else {
                    isConsistent = false
                    return
                }
                queries += 1
                guard let outcomes = try await query(model) else {
                    isConsistent = false
                    continue
                }
                found[model] = outcomes
                // New usage arrived between the two queries, so this model is ahead of the day's totals until the next
                // sync.
                if ExactDecimal(outcomes.total) != usage.models[model]?.count { isConsistent = false }
            }
        }
        // A model without a count is part of the day's remainder.
        let counted = usage.models.filter(\.value.isCounted).sorted { $0.key < $1.key }
        try await read(
            counted.filter { model, figures in found[model].map { ExactDecimal($0.total) } != figures.count }
                .map(\.key))
        // Figures that permanently disagree are queried once, not at every sync.
        let isNews = queriedAt != whole
        func unexplained() -> Int { whole.successes - successes(found) - (earlierRest?.successes ?? 0) }
        if isNews, usage.unlistedCount == 0 ? successes(found) != whole.successes : unexplained() != 0 {
            try await read(counted.map(\.key).filter { found[$0].map { $0.successes < $0.total } ?? true })
        }
        if isNews, successes(found) > whole.successes { try await read(counted.map(\.key)) }
        // Outcomes that no listed model explains stay with the empty label. While the queries disagree it must not gain
        // outcomes that belong to a model, because its counter cannot fall.
        guard isConsistent else {
            found[""] = earlierRest
            return found
        }
        let unassigned = min(max(0, whole.successes - successes(found)), usage.unlistedCount)
        found[""] =
            usage.unlistedCount > 0
            ? WaveSpeedDay.Outcomes(total: usage.unlistedCount, successes: unassigned) : nil
        return found
    }

    private func successes(_ outcomes: [String: WaveSpeedDay.Outcomes]) -> Int {
        outcomes.values.reduce(0) { $0 + $1.successes }
    }

    /// Restores the outcomes of a day that is no longer tracked from its cells.
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
}
