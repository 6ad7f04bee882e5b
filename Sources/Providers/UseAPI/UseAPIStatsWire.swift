import UsageModel
import Upstream

/// An answer to `GET /v2/account/stats` without its rows.
///
/// Source: "Query Usage Statistics", sections Responses and Model. Not read: `bot`, `limit` and `config` only repeat
/// what was asked.
struct UseAPIStatsHead: Decodable {
    let date: LenientString?
    let total: LenientInt?
    let summary: Decoration<UseAPISummary>
}

/// `summary`: left out where there are no data. The rows are what is counted; it is a check, and names what is not
/// listed, so that a part of it which cannot be read is left out.
///
/// Not read: `from`, `to` and `time_span` say when the first and the last row were, which no family shows;
/// `by_status` is `by_code` in words; `success_rate`, `avg_msec` and `avg_captcha_retry` are rounded, and what they
/// come from is counted exactly here.
struct UseAPISummary: Decodable {
    struct Lookup: Decodable {
        let tiers: [String: LenientString?]?
        let skus: [String: LenientString?]?
    }

    let by_config: Decoration<UseAPICounts>
    let by_code: Decoration<UseAPICounts>
    let by_endpoint: Decoration<UseAPICounts>
    let by_model: Decoration<UseAPICounts>
    let by_captcha_provider: Decoration<UseAPICounts>
    let by_tier: Decoration<UseAPICounts>
    let by_sku: Decoration<UseAPICounts>
    let lookup: Decoration<Lookup>

    /// Whether the requests have Google plans, known or `(empty)`.
    var hasPlans: Bool { by_tier.value?.values.isEmpty == false || by_sku.value?.values.isEmpty == false }
}

/// Counts by name; null and negative ones are no counts.
struct UseAPICounts: Decodable {
    let values: [String: Int]

    init(from decoder: any Decoder) throws {
        let counts = try decoder.singleValueContainer().decode([String: LenientInt?].self)
        let named = counts.compactMapValues { $0.flatMap { $0.value < 0 ? nil : $0.value } }
        values = Dictionary(named.map { (LongName.bounded($0.key), $0.value) }, uniquingKeysWith: +)
    }
}
