import UsageModel

/// Holds the API's summary of a day against the rows that it lists.
///
/// The rows are what is counted; a difference is told in the log, for the day's sums are then not the API's.
struct UseAPICheck {
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
