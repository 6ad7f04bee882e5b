import UsageModel

/// The reports of usage of a simulated OpenRouter account.
struct OpenRouterReports {
    private let account: OpenRouterAccount
    private let style: AnswerStyle
    private let now: Timestamp
    private let names: [String: String]

    private var quirks: OpenRouterQuirks { account.quirks }

    init(_ account: OpenRouterAccount, _ style: AnswerStyle, now: Timestamp) {
        self.account = account
        self.style = style
        self.now = now
        names = Dictionary(account.store.keys.map { ($0.hash, $0.name) }, uniquingKeysWith: { first, _ in first })
    }

    static func error(_ status: Int, _ message: String) -> SimulatedResponse {
        SimulatedResponse(
            status: status, body: ["error": ["code": .count(status), "message": .string(message)]])
    }

    /// Sums of one row.
    private struct Sums {
        var credits = ExactDecimal.zero
        var ownKey = ExactDecimal.zero
        var requests = 0
        var prompt = 0
        var cached = 0
        var completion = 0

        mutating func add(_ charge: OpenRouterCharge) {
            credits += charge.credits
            ownKey += charge.ownKey
            requests += 1
            prompt += charge.prompt
            cached += charge.cached
            completion += charge.completion
        }
    }

    /// `POST /api/v1/analytics/query` with hours or days, and no dimension or model and key; other queries are refused.
    func analytics(_ body: JSONValue?) -> SimulatedResponse {
        let dimensions = body?["dimensions"]?.elements?.compactMap(\.text) ?? []
        guard let granularity = body?["granularity"]?.text, ["hour", "day"].contains(granularity),
            let start = body?["time_range"]?["start"]?.text.flatMap({ Timestamp($0) }),
            let end = body?["time_range"]?["end"]?.text.flatMap({ Timestamp($0) }), start < end, end <= now,
            dimensions.count <= 2
        else { return Self.error(400, "Invalid request parameters") }
        let isHourly = granularity == "hour"
        if end - start > .days(365) { return Self.error(400, "The time range is too long") }
        if isHourly, let kept = quirks.hoursKept, start < now - kept {
            return Self.error(400, "granularity hour is not available for this time range")
        }
        if let most = quirks.mostHours, end - start > .hours(most) { return Self.error(408, "Operation timed out") }
        struct Group: Hashable, Comparable {
            let time: Timestamp
            let key: String?
            let model: String?

            static func < (left: Group, right: Group) -> Bool {
                (left.time, left.key ?? "", left.model ?? "") < (right.time, right.key ?? "", right.model ?? "")
            }
        }
        var charges = account.store.shown(in: Period(start: start, end: end))
        for filter in body?["filters"]?.elements ?? [] {
            guard filter["field"]?.text == "api_key_id", filter["operator"]?.text == "eq" else {
                return Self.error(400, "Invalid filter")
            }
            charges = charges.filter { $0.key != nil && $0.key == filter["value"]?.text }
        }
        if !dimensions.isEmpty, quirks.hidesWebChat { charges = charges.filter { $0.key != nil } }
        if !dimensions.isEmpty, quirks.hidesDeletedKeys {
            charges = charges.filter { $0.key.map { names[$0] != nil } ?? true }
        }
        var groups: [Group: Sums] = [:]
        for charge in charges {
            let group = Group(
                time: isHourly ? charge.time.startOfHour : charge.time.day.start,
                key: dimensions.contains("api_key_id") ? charge.key.map(name) : nil,
                model: dimensions.contains("model") ? charge.model : nil)
            groups[group, default: Sums()].add(charge)
        }
        let most = dimensions.isEmpty ? 10_000 : quirks.mostRows
        let limit = min(most, body?["limit"]?.number?.wholeNumber ?? 1000)
        let rows = groups.sorted { $0.key < $1.key }.prefix(limit).map { group, sums -> JSONValue in
            var members = [JSONValue.Member("date__\(granularity)", .string(time(group.time)))]
            if dimensions.contains("api_key_id") {
                members.append(.init("api_key_id", group.key.map { .string($0) } ?? .null))
            }
            if dimensions.contains("model") { members.append(.init("model", group.model.map { .string($0) } ?? .null)) }
            members += [
                .init("request_count", count(sums.requests)), .init("tokens_prompt", count(sums.prompt)),
                .init("tokens_completion", count(sums.completion)), .init("cached_tokens", count(sums.cached)),
                .init("credits_usage", money(sums.credits)), .init("byok_usage", money(sums.ownKey)),
            ]
            return .object(members)
        }
        var data: [JSONValue.Member] = [.init("data", .array(Array(rows)))]
        if !quirks.omitsMetadata {
            data.append(
                .init(
                    "metadata",
                    [
                        "query_time_ms": .count(31), "row_count": .count(rows.count),
                        "truncated": .bool(groups.count > limit),
                    ]))
        }
        return SimulatedResponse(body: ["data": .object(data)])
    }

    /// `GET /api/v1/activity`: the last 30 completed days, or one of them, of one key or of all.
    func activity(_ query: [String: String]) -> SimulatedResponse {
        let oldest = now.day.advanced(by: -30)
        var days = Period(start: oldest.start, end: now.day.start)
        if let text = query["date"] {
            guard let day = UTCDay(text), day >= oldest, day < now.day else {
                return Self.error(400, "Date must be within the last 30 (completed) UTC days")
            }
            days = day.period
        }
        struct Group: Hashable {
            let day: UTCDay
            let model: String
        }
        var groups: [Group: Sums] = [:]
        for charge in account.store.shown(in: days) where query["api_key_hash"].map({ $0 == charge.key }) ?? true {
            groups[Group(day: charge.time.day, model: charge.model ?? ""), default: Sums()].add(charge)
        }
        let rows = groups.sorted { ($0.key.day, $0.key.model) < ($1.key.day, $1.key.model) }.map {
            group, sums -> JSONValue in
            [
                "date": .string(group.day.description), "model": .string(Self.alias(of: group.model)),
                "model_permaslug": .string(group.model), "endpoint_id": "550e8400-e29b-41d4-a716-446655440000",
                "provider_name": "Demo", "usage": .number(sums.credits), "byok_usage_inference": .number(sums.ownKey),
                "requests": .count(sums.requests), "prompt_tokens": .count(sums.prompt),
                "completion_tokens": .count(sums.completion), "reasoning_tokens": .count(sums.completion / 2),
            ]
        }
        return SimulatedResponse(body: ["data": .array(rows)])
    }

    /// The short slug of a model: its permanent one without the date.
    private static func alias(of model: String) -> String {
        let parts = model.split(separator: "-", omittingEmptySubsequences: false)
        return parts.count > 3 ? parts.dropLast(3).joined(separator: "-") : model
    }

    private func name(ofKey hash: String) -> String { names[hash] ?? (quirks.namesDeletedKeys ? hash : "") }

    private func count(_ count: Int) -> JSONValue { quirks.writesTextMoney ? .count(count) : .string(String(count)) }

    private func money(_ amount: ExactDecimal) -> JSONValue {
        quirks.writesTextMoney ? .string(amount.description) : .number(amount)
    }

    /// `2026-11-02 13:00:00` in its three forms.
    private func time(_ time: Timestamp) -> String {
        switch quirks.timeForm {
        case .space: time.description.replacing("T", with: " ").replacing("Z", with: "")
        case .rfc3339: time.description.replacing("Z", with: ".000Z")
        case .shortest: time == time.day.start ? time.day.description : time.description
        }
    }
}
