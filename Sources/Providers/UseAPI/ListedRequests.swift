import UsageModel

/// Counts of the requests that a day lists, by one label at a time: what its summary is compared with.
struct ListedRequests {
    /// By model; a request without one is counted under the empty name.
    let models: [String: Int]
    let codes: [String: Int]
    let tiers: [String: Int]
    let captchaAttempts: [String: Int]
    let havePlans: Bool
    /// By outcome; nil if the outcomes are those of the codes.
    let outcomes: [String: Int]?

    /// The number of requests in the family that has the fewest.
    var count: Int {
        ([models, codes] + (havePlans ? [tiers] : [])).map { $0.values.reduce(0, +) }.min() ?? 0
    }

    /// Counts the rows of one reading.
    init(_ rows: UseAPIRows) {
        models = rows.counts(by: \.model)
        codes = rows.counts(by: \.code)
        tiers = rows.counts(byPlan: { $0.tier.isEmpty ? UseAPIPlanNames.none : $0.tier })
        captchaAttempts = rows.captchaAttempts
        havePlans = rows.havePlans
        outcomes = nil
    }

    /// Counts the cells of several readings of a truncated list, whose families may have different sums.
    init(_ cells: [Cell], bot: String) {
        func counts(_ family: LedgerFamily, _ label: Int) -> [String: Int] {
            cells.reduce(into: [:]) { counts, cell in
                guard cell.family == family, let count = cell.value.wholeNumber else { return }
                counts[cell.labels[label], default: 0] += count
            }
        }
        var models = counts(.requests, 1)
        models[""] = models.removeValue(forKey: bot)
        self.models = models
        codes = counts(.useapiResponses, 3)
        tiers = counts(.tierRequests, 0)
        captchaAttempts = counts(.captchaAttempts, 0)
        havePlans = !tiers.isEmpty
        outcomes = counts(.outcomes, 2)
    }
}
