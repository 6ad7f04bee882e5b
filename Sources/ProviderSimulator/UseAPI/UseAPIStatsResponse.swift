import UsageModel

/// The body of a response to `GET /v2/account/stats`, its fields in the order of the provider's documentation page.
struct UseAPIStatsResponse {
    private let bot: String
    private let filter: (name: String, value: JSONValue)
    private let config: String?
    /// Listed requests.
    private let rows: [UseAPIRequest]
    /// Requests covered by count and summary.
    private let counted: [UseAPIRequest]
    private let isFull: Bool

    init(
        bot: String, filter: (name: String, value: JSONValue), _ config: String?, _ rows: [UseAPIRequest],
        counted: [UseAPIRequest], _ style: AnswerStyle
    ) {
        self.bot = bot
        self.filter = filter
        self.config = config
        self.rows = rows
        self.counted = counted
        isFull = !style.contains(.withoutOptionalFields)
    }

    var body: JSONValue {
        var members = [JSONValue.Member("bot", .string(bot))]
        if isFull {
            members.append(.init(filter.name, filter.value))
            if let config { members.append(.init("config", .string(config))) }
        }
        members.append(.init("total", .count(counted.count)))
        // "Omitted if no data."
        if isFull, !counted.isEmpty {
            members.append(.init("summary", .object(UseAPISummaryResponse(counted).members)))
        }
        members.append(.init("data", .array(rows.map(row))))
        return .object(members)
    }

    private func row(_ request: UseAPIRequest) -> JSONValue {
        let operation = request.endpoint.split(separator: "-").dropFirst().joined(separator: "-")
        let identifier = request.time.description.filter(\.isNumber)
        var members: [JSONValue.Member] = [
            .init("timestamp", .string(request.time.withMilliseconds)),
            .init("jobid", .string("\(identifier)-user:1-bot:\(bot)")),
            .init("config", .string(request.config)),
            .init("endpoint", .string(request.endpoint)),
            .init("status", .string(UseAPIStatus.text(of: request.code))),
            .init("func", .string("v1-\(bot)-\(operation)")),
            .init("code", .count(request.code)),
            .init("msec", .count(request.milliseconds)),
        ]
        if let model = request.model { members.append(.init("model", .string(model))) }
        if let providers = request.captchaProviders {
            members.append(.init("captchaProviders", .string(providers.joined(separator: ","))))
        }
        if let retries = request.captchaRetries { members.append(.init("captchaRetry", .count(retries))) }
        if let tier = request.tier { members.append(.init("tier", .string(tier))) }
        if let sku = request.sku { members.append(.init("sku", .string(sku))) }
        return .object(members)
    }
}

/// The field `summary`, counted from the requests that match a query. They are also listed, unless a quirk changes
/// that.
struct UseAPISummaryResponse {
    private let rows: [UseAPIRequest]

    init(_ rows: [UseAPIRequest]) {
        self.rows = rows
    }

    var members: [JSONValue.Member] {
        var members = times
        members += [
            .init("by_config", counts { [$0.config] }),
            .init("by_code", counts { [String($0.code)] }),
            .init("by_endpoint", counts { [$0.endpoint] }),
            .init("by_status", counts { [UseAPIStatus.text(of: $0.code)] }),
        ]
        let successes = rows.count { (200..<300).contains($0.code) }
        let perMille = Self.average(successes * 1000, of: rows.count)
        members.append(.init("success_rate", .string("\(perMille / 10).\(perMille % 10)%")))
        members.append(
            .init("avg_msec", .count(Self.average(rows.reduce(0) { $0 + $1.milliseconds }, of: rows.count))))
        // Rows without a model are omitted.
        if rows.contains(where: { $0.model != nil }) {
            members.append(.init("by_model", counts { $0.model.map { [$0] } ?? [] }))
        }
        return members + captcha + plans
    }

    private var times: [JSONValue.Member] {
        guard let first = rows.first?.time, let last = rows.last?.time else { return [] }
        let minutes = Int((last - first).inSeconds) / 60
        let (days, hours) = (minutes / 1440, minutes / 60 % 24)
        return [
            .init("from", .string(first.withMilliseconds)), .init("to", .string(last.withMilliseconds)),
            .init(
                "time_span",
                .string(days > 0 ? "\(days) days \(hours) hours" : "\(hours) hours \(minutes % 60) minutes")),
        ]
    }

    private var captcha: [JSONValue.Member] {
        let retries = rows.compactMap(\.captchaRetries)
        guard !retries.isEmpty else { return [] }
        return [
            .init("by_captcha_provider", counts { $0.captchaProviders ?? [] }),
            .init("avg_captcha_retry", .count(Self.average(retries.reduce(0, +), of: retries.count))),
        ]
    }

    private var plans: [JSONValue.Member] {
        guard rows.contains(where: { $0.tier != nil }) else { return [] }
        return [
            .init("by_tier", counts { [UseAPIPlans.bucket($0.tier)] }),
            .init("by_sku", counts { [UseAPIPlans.bucket($0.sku)] }),
            .init(
                "lookup",
                [
                    "tiers": lookup(UseAPIPlans.tiers) { $0.tier }, "skus": lookup(UseAPIPlans.skus) { $0.sku },
                ]),
        ]
    }

    /// The names of the values that occur; an unknown value is its own name.
    private func lookup(_ names: [String: String], _ value: (UseAPIRequest) -> String?) -> JSONValue {
        let values = Set(rows.compactMap(value)).filter { !$0.isEmpty }.sorted()
        return .object(values.map { .init($0, .string(names[$0] ?? $0)) })
    }

    /// The number of rows per value, most frequent first.
    private func counts(_ values: (UseAPIRequest) -> [String]) -> JSONValue {
        var counts: [String: Int] = [:]
        for value in rows.flatMap(values) { counts[value, default: 0] += 1 }
        let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return .object(sorted.map { .init($0.key, .count($0.value)) })
    }

    private static func average(_ sum: Int, of count: Int) -> Int { count == 0 ? 0 : (sum + count / 2) / count }
}

/// Names of HTTP statuses in the statistics.
enum UseAPIStatus {
    private static let texts = [
        200: "OK", 201: "Created", 400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden",
        404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable",
    ]

    static func text(of code: Int) -> String { texts[code] ?? "Status \(code)" }
}

/// Google's plans as the documentation page lists them.
enum UseAPIPlans {
    static let tiers = [
        "PAYGATE_TIER_NOT_PAID": "Free", "PAYGATE_TIER_ONE": "Pro", "PAYGATE_TIER_TIER1P5": "Ultra $99",
        "PAYGATE_TIER_TWO": "Ultra $199",
    ]
    static let skus = [
        "G1_FREEMIUM": "Free", "G1_TIER1": "Pro", "G1_TIER1P5": "Ultra $99", "G1_TIER2": "Ultra $199",
        "WS_FREEMIUM": "Workspace Free", "WS_ULTRA": "Workspace Ultra",
    ]

    static func bucket(_ value: String?) -> String {
        value.flatMap { $0.isEmpty ? nil : $0 } ?? "(empty)"
    }
}

extension Timestamp {
    /// `2026-02-13T10:30:00.000Z`, always with milliseconds.
    var withMilliseconds: String {
        let text = description
        return text.contains(".") ? text : text.dropLast() + ".000Z"
    }
}
