import ExporterTestSupport
import PrometheusExposition
import ProviderSimulator
import TestSupport
import Testing
import UsageModel

/// Expected metrics of useapi.net, counted request by request, independently of the exporter's code.
///
/// A counter is the maximum of its sum over all syncs, because seen requests stay counted.
struct UseAPITruth {
    /// The compared families, completely: neither missing nor additional series are allowed.
    static let families = [
        "genai_requests_total", "genai_request_outcomes_total", "genai_request_duration_seconds",
        "genai_useapi_responses_total", "genai_useapi_captcha_attempts_total", "genai_useapi_captcha_retries_total",
        "genai_useapi_tier_requests_total", "genai_estimated_cost_usd_total", "genai_cost_usd_total",
        "genai_reconciliation_difference_usd", "genai_tokens_total",
    ]

    private static let tiers = [
        "PAYGATE_TIER_TWO": "Ultra $199", "PAYGATE_TIER_ONE": "Pro", "PAYGATE_TIER_NEW": "PAYGATE_TIER_NEW",
    ]
    private static let skus = [
        "WS_ULTRA": "Workspace Ultra", "G1_TIER2": "Ultra $199", "G1_TIER1": "Pro", "G9": "G9",
    ]

    let prices: [String: ExactDecimal]
    /// Whether responses have the lookup of plan names.
    let knowsNames: Bool
    private var peaks: [String: ExactDecimal] = [:]
    private var histograms: [[String: String]: [ExactDecimal]] = [:]

    init(prices: [String: ExactDecimal] = UseAPIRig.prices, knowsNames: Bool = true) {
        self.prices = prices
        self.knowsNames = knowsNames
    }

    /// Records the requests shown at a sync.
    mutating func see(_ requests: [UseAPIRequest]) {
        var sums: [String: ExactDecimal] = [:]
        var durations: [[String: String]: [ExactDecimal]] = [:]
        func add(_ family: String, _ labels: [String: String], _ value: ExactDecimal = ExactDecimal(1)) {
            sums[Self.identity(family, labels), default: .zero] += value
        }
        for request in requests {
            let model = request.model ?? request.bot
            let isSuccess = request.code / 100 == 2
            let keyed = ["key": request.config, "model": model]
            add("genai_requests_total", keyed)
            add("genai_request_outcomes_total", keyed.with("outcome", "success"), ExactDecimal(isSuccess ? 1 : 0))
            add("genai_request_outcomes_total", keyed.with("outcome", "failure"), ExactDecimal(isSuccess ? 0 : 1))
            add(
                "genai_useapi_responses_total",
                [
                    "bot": request.bot, "key": request.config, "operation": request.endpoint,
                    "code": "\(request.code)",
                ])
            if let price = prices[model] ?? prices[request.bot] {
                add("genai_estimated_cost_usd_total", keyed, isSuccess ? price : .zero)
            }
            let bounds = [250, 500, 1000, 2500, 5000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000]
            let operation = ["model": model, "operation": request.endpoint]
            var histogram = durations[operation] ?? Array(repeating: .zero, count: bounds.count + 2)
            histogram[bounds.firstIndex { request.milliseconds <= $0 } ?? bounds.count] += ExactDecimal(1)
            histogram[bounds.count + 1] += ExactDecimal(micros: request.milliseconds * 1000)
            durations[operation] = histogram
            guard request.bot == "google-flow" else { continue }
            for provider in request.captchaProviders ?? [] {
                add("genai_useapi_captcha_attempts_total", ["captcha_provider": provider])
            }
            add("genai_useapi_captcha_retries_total", [:], ExactDecimal(request.captchaRetries ?? 0))
            let tier = request.tier.flatMap { $0.isEmpty ? nil : $0 } ?? "(empty)"
            let sku = request.sku.flatMap { $0.isEmpty ? nil : $0 } ?? "(empty)"
            add(
                "genai_useapi_tier_requests_total",
                [
                    "tier": tier, "tier_name": knowsNames ? Self.tiers[tier] ?? tier : tier, "sku": sku,
                    "sku_name": knowsNames ? Self.skus[sku] ?? sku : sku,
                ])
        }
        peaks.merge(sums) { max($0, $1) }
        histograms.merge(durations) { zip($0, $1).map { max($0, $1) } }
    }

    /// All expected series.
    var expected: [String: Double] {
        var expected = peaks.mapValues(\.doubleValue)
        let bounds = [
            "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "20.0", "30.0", "60.0", "120.0", "300.0", "600.0", "inf",
        ]
        for (labels, values) in histograms {
            let name = "genai_request_duration_seconds"
            var count = ExactDecimal.zero
            for (bound, value) in zip(bounds, values) {
                count += value
                expected[Self.identity(name + "_bucket", labels.with("le", bound))] = count.doubleValue
            }
            expected[Self.identity(name + "_count", labels)] = count.doubleValue
            expected[Self.identity(name + "_sum", labels)] = values[bounds.count].doubleValue
        }
        return expected
    }

    /// Asserts that a scrape shows exactly the expected series.
    func expect(_ scrape: Scrape, sourceLocation: SourceLocation = #_sourceLocation) {
        var shown: [String: Double] = [:]
        for family in Self.families {
            for sample in scrape.samples(family) where sample.labels["account"] == "studio" {
                var labels = sample.labels
                labels["provider"] = nil
                labels["account"] = nil
                if let bound = labels["le"] { labels["le"] = Double(bound).map { "\($0)" } }
                shown[Self.identity(sample.name, labels)] = sample.value
            }
        }
        let expected = expected
        for (series, value) in expected {
            #expect(shown[series] == value, "\(series)", sourceLocation: sourceLocation)
        }
        for series in shown.keys where expected[series] == nil {
            Issue.record("\(series) was not expected", sourceLocation: sourceLocation)
        }
    }

    private static func identity(_ name: String, _ labels: [String: String]) -> String {
        let text = labels.filter { !$0.value.isEmpty }.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }
        return "\(name){\(text.joined(separator: ","))}"
    }
}

extension [String: String] {
    fileprivate func with(_ name: String, _ value: String) -> [String: String] { merging([name: value]) { $1 } }
}
