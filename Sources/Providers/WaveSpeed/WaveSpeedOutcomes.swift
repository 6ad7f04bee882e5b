import Upstream
import UsageModel

/// What became of the requests of days that are not settled yet: a pure value, stored as JSON.
///
/// A request is charged when its job is created, so `total − success` holds jobs that still run. It counts as failed only
/// as far as it persists: the lowest `total − success` over the trailing hour, and all of it once the day has been over for
/// an hour. The rest is pending, neither success nor failure. Where some jobs run at every moment of an hour, as many as
/// ran at the quietest one count as failed until the day is over: the figures do not tell them apart.
struct WaveSpeedOutcomes: Equatable, Codable {
    /// What is counted of a model, or of the requests of no listed model.
    struct Known: Equatable {
        let successes: Int
        let failures: Int
    }

    private struct Change: Equatable, Codable {
        /// From when on so many requests had not succeeded.
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
            // What was not finished when the hour began, and how few it were since.
            guard let first = changes.lastIndex(where: { $0.since <= start }) else {
                return Known(successes: successes, failures: 0)
            }
            return Known(successes: successes, failures: changes[first...].map(\.unfinished).min() ?? 0)
        }
    }

    /// How long a request may run before it counts as failed.
    static let patience = Duration.hours(1)

    private struct Day: Equatable, Codable {
        /// The model "" is that of no listed one.
        var models: [String: Model]
        /// The day's own requests and successes when its models were read last.
        var total: Int?
        var successes: Int?
    }

    /// Changes closer than this are one, so that short intervals don't add up.
    private static let resolution = Duration.minutes(1)

    /// By day (`2026-11-20`).
    private var days: [String: Day] = [:]

    /// Nothing known yet.
    init() {}

    /// What was read last of a day, by model; nil where the day is not followed.
    func last(of day: UTCDay) -> [String: WaveSpeedDay.Outcomes]? {
        days[day.description]?.models.mapValues { WaveSpeedDay.Outcomes(total: $0.total, successes: $0.successes) }
    }

    /// The day's own figures when its models were read last; nil where that is not known.
    func queried(on day: UTCDay) -> WaveSpeedDay.Outcomes? {
        guard let known = days[day.description], let total = known.total, let successes = known.successes else {
            return nil
        }
        return WaveSpeedDay.Outcomes(total: total, successes: successes)
    }

    /// Takes in what a day shows, and returns what is counted of it.
    ///
    /// - Parameters:
    ///   - outcomes: by model; models that are not named are no longer there.
    ///   - whole: the day's own figures, where all its models could be read.
    ///   - isLast: whether the schedule has no later reading: the day is then no longer followed.
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
                // Times of a clock that was set back since say nothing.
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

    /// Drops days that no scheduled reading will come back to.
    mutating func forget(before day: UTCDay) {
        days = days.filter { $0.key >= day.description }
    }

    /// `genai_pending_requests` by model, over all days that are followed.
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

/// Finds the outcomes of a day's requests by model, with as few queries as that takes.
struct WaveSpeedOutcomeReader {
    /// The most models that a day's sync queries; the others have their turn at the next.
    static let mostQueries = 100

    let day: UTCDay
    let usage: WaveSpeedDay
    /// What was read last, by model; nil where the day is not followed.
    let known: [String: WaveSpeedDay.Outcomes]?
    /// The day's own figures when models were queried last; nil where they were not.
    let queriedAt: WaveSpeedDay.Outcomes?
    /// The day's cells so far.
    let earlier: [Cell]

    /// The outcomes by model; the model "" has those of no listed one.
    ///
    /// A model is queried where its count changed, and where the successes known do not add up to the day's summary: first
    /// those that have requests without success. Nothing is queried where neither changed.
    ///
    /// - Parameters:
    ///   - byModel: whether a day that was not read before is read by model.
    ///   - query: the outcomes of one model; nil where the response cannot be used.
    func outcomes(
        byModel: Bool, query: (_ model: String) async throws -> WaveSpeedDay.Outcomes?
    ) async throws -> [String: WaveSpeedDay.Outcomes] {
        guard let whole = usage.outcomes else { return [:] }
        // A day keeps the way it was first read in: outcomes that moved from the empty label to a model, or back,
        // would count twice, since the counter they leave never falls.
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
                // New usage arrived between the two queries: this model is ahead of the day's totals until next time.
                if ExactDecimal(outcomes.total) != usage.models[model]?.count { isConsistent = false }
            }
        }
        // A model without a count is part of the day's rest.
        let counted = usage.models.filter(\.value.isCounted).sorted { $0.key < $1.key }
        try await read(
            counted.filter { model, figures in found[model].map { ExactDecimal($0.total) } != figures.count }
                .map(\.key))
        // Figures that disagree for good are queried once, not at every sync.
        let isNews = queriedAt != whole
        func unexplained() -> Int { whole.successes - successes(found) - (earlierRest?.successes ?? 0) }
        if isNews, usage.unlistedCount == 0 ? successes(found) != whole.successes : unexplained() != 0 {
            try await read(counted.map(\.key).filter { found[$0].map { $0.successes < $0.total } ?? true })
        }
        if isNews, successes(found) > whole.successes { try await read(counted.map(\.key)) }
        // What no listed model explains stays with the empty label. While the queries disagree it must not take up
        // what belongs to a model, since a counter could never give it back.
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

    /// What the cells of a day that is no longer followed say.
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
