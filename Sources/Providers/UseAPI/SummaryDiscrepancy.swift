import UsageModel

/// Compares the API's summary of a day with the listed rows.
///
/// The rows are counted; a difference is logged, because the day's sums then differ from the API's.
struct SummaryDiscrepancy {
    /// The names of the summary's fields that differ from the rows.
    let differing: [String]
    private let listed: Int
    private let total: Int
    private let day: UTCDay

    init(_ day: UseAPIDay) {
        let rows = day.rows
        var differing = day.total == rows.count ? [] : ["total"]
        let counts: [(String, UseAPICounts?, [String: Int])] = [
            ("by_config", day.summary?.by_config.value, rows.counts(by: \.key)),
            ("by_code", day.summary?.by_code.value, rows.counts(by: \.code)),
            ("by_endpoint", day.summary?.by_endpoint.value, rows.counts(by: \.endpoint)),
            ("by_model", day.summary?.by_model.value, rows.counts(by: \.model)),
            ("by_captcha_provider", day.summary?.by_captcha_provider.value, rows.captchaAttempts),
            ("by_tier", day.summary?.by_tier.value, rows.counts(byPlan: \.tier)),
            ("by_sku", day.summary?.by_sku.value, rows.counts(byPlan: \.sku)),
        ]
        for (name, summary, counted) in counts {
            if let summary, Self.named(summary.values) != Self.named(counted) { differing.append(name) }
        }
        self.differing = differing
        listed = rows.count
        total = day.total
        self.day = day.day
    }

    /// The log message; nil without differences. It has names of fields and counts, never a value of a row.
    var remark: String? {
        guard !differing.isEmpty else { return nil }
        return "\(day): the API lists \(listed) requests and counts \(total); "
            + "its figures disagree with its list in \(differing.joined(separator: ", "))"
    }

    /// Removes counts without a name, which a summary may omit or name `(empty)`.
    private static func named(_ counts: [String: Int]) -> [String: Int] {
        counts.filter { !$0.key.isEmpty && $0.key != UseAPIPlanNames.none && $0.value > 0 }
    }
}

/// Requests that the API counts but does not list: all requests of a day without rows, or the total beyond the rows.
///
/// The summary counts them by one label at a time, so their other labels are empty: the key and the endpoint always,
/// the model for outcomes. A model that is missing is the bot's name, as for a row without one. Averages (`avg_msec`,
/// `avg_captcha_retry`) are not counted.
struct UnlistedRequests {
    private let models: Part
    private let codes: Part
    private let successes: Int
    private let failures: Int
    private let tiers: Part
    private let captchaAttempts: [String: Int]
    private let havePlans: Bool

    /// - Parameters:
    ///   - total: the number of requests, listed or not.
    ///   - summary: counts that include the listed requests.
    init(_ total: Int, _ summary: UseAPISummary?, beyond listed: ListedRequests) {
        models = Part(summary?.by_model.value, beyond: listed.models, of: total)
        let codes = Part(summary?.by_code.value, beyond: listed.codes, of: total)
        self.codes = codes
        tiers = Part(summary?.by_tier.value, beyond: listed.tiers, of: total)
        func unlisted(_ outcome: String, _ isSuccess: Bool) -> Int {
            func sum(_ codes: [String: Int]?) -> Int {
                (codes ?? [:]).filter { UseAPICode.isSuccess($0.key) == isSuccess }.values.reduce(0, +)
            }
            guard let outcomes = listed.outcomes, !codes.named.isEmpty else { return sum(codes.named) }
            return max(0, sum(summary?.by_code.value?.values) - outcomes[outcome, default: 0])
        }
        successes = unlisted("success", true)
        failures = unlisted("failure", false)
        // Attempts may exceed the requests, so there is no total to compare them with.
        captchaAttempts = (summary?.by_captcha_provider.value?.values ?? [:])
            .merging(listed.captchaAttempts.mapValues { -$0 }) { max(0, $0 + $1) }
            .filter { $0.value > 0 }
        havePlans = listed.havePlans || summary?.hasPlans == true
    }

    /// Whether a cell may hold requests that were not listed: it has no key, unlike nearly every row, or no SKU.
    static func mayHold(_ cell: Cell) -> Bool {
        if cell.family == .tierRequests { return cell.labels[2].isEmpty }
        return cell.family.labelNames.firstIndex(of: "key").map { cell.labels[$0].isEmpty } ?? false
    }

    func cells(bot: String, names: UseAPIPlanNames) -> [Cell] {
        var cells = models.named.map { Cell(.requests, ["", $0.key.isEmpty ? bot : $0.key], ExactDecimal($0.value)) }
        cells.append(Cell(.requests, ["", bot], ExactDecimal(models.unnamed)))
        cells += codes.named.map { Cell(.useapiResponses, [bot, "", "", $0.key], ExactDecimal($0.value)) }
        cells.append(Cell(.useapiResponses, [bot, "", "", ""], ExactDecimal(codes.unnamed)))
        if !codes.named.isEmpty {
            cells.append(Cell(.outcomes, ["", "", "success"], ExactDecimal(successes)))
            cells.append(Cell(.outcomes, ["", "", "failure"], ExactDecimal(failures)))
        }
        cells += captchaAttempts.map { Cell(.captchaAttempts, [$0.key], ExactDecimal($0.value)) }
        if havePlans {
            cells += tiers.named.map {
                Cell(.tierRequests, names.labels(tier: $0.key), ExactDecimal($0.value))
            }
            cells.append(Cell(.tierRequests, [], ExactDecimal(tiers.unnamed)))
        }
        return cells.filter { $0.family == .outcomes || !$0.value.isZero }
    }

    /// One count of the summary: the unlisted requests by name, and those without a name.
    private struct Part {
        var named: [String: Int] = [:]
        var unnamed: Int

        /// A summary that counts more than the total contradicts itself, so it is ignored.
        init(_ counts: UseAPICounts?, beyond listed: [String: Int], of total: Int) {
            let rest = max(0, total - listed.values.reduce(0, +))
            unnamed = rest
            for (name, count) in counts?.values ?? [:] {
                let more = count - listed[name, default: 0]
                guard more > 0 else { continue }
                guard more <= unnamed else {
                    named = [:]
                    unnamed = rest
                    return
                }
                named[name] = more
                unnamed -= more
            }
        }
    }
}

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
