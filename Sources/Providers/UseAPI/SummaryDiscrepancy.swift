import UsageModel

/// Holds the API's summary of a day against the rows that it lists.
///
/// The rows are what is counted; a difference is told in the log, for the day's sums are then not the API's.
struct SummaryDiscrepancy {
    /// The names of the fields that do not agree with the rows.
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

    /// What to tell; nil where all agrees. It names fields and counts, never a value of a row.
    var remark: String? {
        guard !differing.isEmpty else { return nil }
        return "\(day): the API lists \(listed) requests and counts \(total); "
            + "its figures disagree with its list in \(differing.joined(separator: ", "))"
    }

    /// Without what has no name: a summary may leave it out or call it `(empty)`.
    private static func named(_ counts: [String: Int]) -> [String: Int] {
        counts.filter { !$0.key.isEmpty && $0.key != UseAPIPlanNames.none && $0.value > 0 }
    }
}

/// Requests that the API counts and does not list: all of a day whose answer has no rows, or what its total holds
/// beyond its rows.
///
/// Of these the summary tells one label at a time, so labels stay empty: the key and the endpoint always, the model
/// where outcomes are told. A model that is not told either is the bot's name, as for a row without one. What is known
/// only as an average (`avg_msec`, `avg_captcha_retry`) is not counted.
struct UnlistedRequests {
    private let models: Part
    private let codes: Part
    private let tiers: Part
    private let captchaAttempts: [String: Int]
    private let havePlans: Bool

    /// - Parameters:
    ///   - total: how many requests are not listed.
    ///   - summary: counts that hold the listed rows as well.
    ///   - rows: the listed ones.
    init(_ total: Int, _ summary: UseAPISummary?, beyond rows: UseAPIRows) {
        models = Part(summary?.by_model.value, beyond: rows.counts(by: \.model), of: total)
        codes = Part(summary?.by_code.value, beyond: rows.counts(by: \.code), of: total)
        let listedTiers = rows.counts(byPlan: { $0.tier.isEmpty ? UseAPIPlanNames.none : $0.tier })
        tiers = Part(summary?.by_tier.value, beyond: listedTiers, of: total)
        // Attempts may be more than requests: there is no total to hold them against.
        captchaAttempts = (summary?.by_captcha_provider.value?.values ?? [:])
            .merging(rows.captchaAttempts.mapValues { -$0 }) { max(0, $0 + $1) }
            .filter { $0.value > 0 }
        havePlans = rows.havePlans || summary?.hasPlans == true
    }

    func cells(bot: String, names: UseAPIPlanNames) -> [Cell] {
        var cells = models.named.map { Cell(.requests, ["", $0.key.isEmpty ? bot : $0.key], ExactDecimal($0.value)) }
        cells.append(Cell(.requests, ["", bot], ExactDecimal(models.unnamed)))
        cells += codes.named.map { Cell(.useapiResponses, [bot, "", "", $0.key], ExactDecimal($0.value)) }
        cells.append(Cell(.useapiResponses, [bot, "", "", ""], ExactDecimal(codes.unnamed)))
        if !codes.named.isEmpty {
            let successes = codes.named.filter { UseAPICode.isSuccess($0.key) == true }.values.reduce(0, +)
            let failures = codes.named.filter { UseAPICode.isSuccess($0.key) == false }.values.reduce(0, +)
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

    /// One count of the summary, taken apart: what is named, and what is left of the total.
    private struct Part {
        var named: [String: Int] = [:]
        var unnamed: Int

        /// A summary that names more than there is contradicts itself: then nothing of it is taken.
        init(_ counts: UseAPICounts?, beyond listed: [String: Int], of total: Int) {
            unnamed = total
            for (name, count) in counts?.values ?? [:] {
                let more = count - listed[name, default: 0]
                guard more > 0 else { continue }
                guard more <= unnamed else {
                    named = [:]
                    unnamed = total
                    return
                }
                named[name] = more
                unnamed -= more
            }
        }
    }
}
