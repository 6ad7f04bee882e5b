import UsageModel

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
