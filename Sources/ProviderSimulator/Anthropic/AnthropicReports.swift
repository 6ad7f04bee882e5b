import UsageModel

/// The responses of both generations of the API for cost and usage.
struct AnthropicReports {
    let account: AnthropicAccount
    let request: APIRequest

    private struct Group: Hashable {
        let day: UTCDay
        var keyID: String?
        var model: String?
        var description: String?
    }

    private struct Figures {
        var cost = ExactDecimal.zero
        var requests = 0
        var tokens = AnthropicTokens()

        mutating func add(_ cost: ExactDecimal, _ tokens: AnthropicTokens) {
            self.cost += cost
            requests += 1
            self.tokens.add(tokens)
        }
    }

    /// The dimensions by which rows can be split; all are members of a row.
    private static let dimensions = [
        "actor", "api_key_id", "context_window", "inference_geo", "model", "product", "service_tier", "speed",
        "workspace_id",
    ]
    private static let beta = "analytics-usage-cost-2026-08-24"

    /// `GET /v1/organizations/analytics/cost` and `…/usage`: rows of days and groups with usage, in pages.
    func analytics(isCost: Bool) throws -> JSONValue {
        let conditions = account.conditions.current
        if let status = conditions.analyticsStatus { throw AnthropicRefusal(status: status, message: "not available") }
        guard request.headers["anthropic-beta"] == Self.beta else { throw refused("the beta header is required") }
        let period = try period(bucket: "time_bucket_width")
        guard period.end - period.start <= .days(31) else { throw refused("the range is longer than 31 days") }
        guard period.start >= request.time - .days(365) else { throw refused("starting_at is too far in the past") }
        let groups = try groups(allowed: Self.dimensions)
        let refreshed = refreshedAt(conditions)
        let figures = figures(in: period, until: refreshed) { day, number, event in
            Group(
                day: day,
                keyID: groups.contains("api_key_id") ? account.keyID(ofEvent: number, model: event.model) : nil,
                model: groups.contains("model") ? event.model : nil)
        }
        var rows = figures.map { group, figures -> JSONValue in
            [
                "starting_at": .string("\(group.day.start)"),
                "ending_at": .string("\(group.day.advanced(by: 1).start)"),
                "group": .object(
                    Self.dimensions.map { dimension in
                        let value = dimension == "model" ? group.model : dimension == "api_key_id" ? group.keyID : nil
                        return .init(dimension, text(value))
                    }),
                isCost ? "cost" : "usage": isCost ? cost(figures) : usage(figures),
            ]
        }
        if let change = conditions.change { rows = change(rows, request) }
        let (page, next) = try page(of: rows, refreshed, conditions)
        return [
            "data": .array(page),
            "data_refreshed_at": conditions.tellsRefresh ? .string("\(refreshed)") : .null,
            "has_more": .bool(next != nil), "next_page": text(next), "organization_id": "org-demo",
        ]
    }

    /// `GET /v1/organizations/usage_report/messages`: buckets of days, also those without usage.
    func usageReport() throws -> JSONValue {
        let groups = try groups(allowed: ["api_key_id", "model", "workspace_id", "service_tier"])
        return try buckets { number, event, day in
            Group(
                day: day,
                keyID: groups.contains("api_key_id") ? account.keyID(ofEvent: number, model: event.model) : nil,
                model: groups.contains("model") ? olderName(of: event.model) : nil)
        } row: { group, figures in
            var members = tokens(figures.tokens)
            members += [
                .init("api_key_id", text(group.keyID)), .init("model", text(group.model)), .init("workspace_id", .null),
                .init("service_tier", .null), .init("context_window", .null),
            ]
            return .object(members)
        }
    }

    /// `GET /v1/organizations/cost_report`: the same with money, by description. One request in seven is a batch.
    func costReport() throws -> JSONValue {
        let isByDescription = try groups(allowed: ["description", "workspace_id"]).contains("description")
        return try buckets { number, event, day in
            guard isByDescription else { return Group(day: day) }
            guard !event.model.isEmpty else { return Group(day: day, description: "Code Execution Usage") }
            if account.conditions.current.separatesSearches, number % 5 == 0 {
                return Group(day: day, description: "Web Search Usage")
            }
            let model = olderName(of: event.model)
            return Group(day: day, model: model, description: "\(model) Usage" + (number % 7 == 0 ? " - Batch" : ""))
        } row: { group, figures in
            [
                "currency": "USD", "amount": cents(figures.cost), "workspace_id": .null,
                "description": text(group.description), "model": text(group.model),
                "cost_type": text(group.description.map(Self.costType)), "token_type": .null, "context_window": .null,
                "service_tier": .null,
            ]
        }
    }

    private func olderName(of model: String) -> String {
        model.isEmpty ? "" : model + account.conditions.current.olderModelSuffix
    }

    private static func costType(_ description: String) -> String {
        switch description {
        case "Code Execution Usage": "code_execution"
        case "Web Search Usage": "web_search"
        default: "tokens"
        }
    }

    private func buckets(
        by group: (Int, UsageEvent, UTCDay) -> Group, row: (Group, Figures) -> JSONValue
    ) throws -> JSONValue {
        let period = try period(bucket: "bucket_width")
        let limit = request.query["limit"].flatMap { Int($0) } ?? 7
        guard (1...31).contains(limit) else { throw refused("limit must be from 1 to 31") }
        let figures = figures(in: period, until: request.time) { group($1, $2, $0) }
        let byDay = Dictionary(grouping: figures, by: \.0.day)
        let first = request.query["page"].flatMap { UTCDay($0.dropFirst("page_".count)) } ?? period.start.day
        var days: [UTCDay] = []
        var day = first
        while day.start < period.end, days.count < limit {
            days.append(day)
            day = day.advanced(by: 1)
        }
        let hasMore = day.start < period.end
        return [
            "data": .array(
                days.map { day in
                    [
                        "starting_at": .string("\(day.start)"), "ending_at": .string("\(day.advanced(by: 1).start)"),
                        "results": .array((byDay[day] ?? []).map { row($0.0, $0.1) }),
                    ]
                }),
            "has_more": .bool(hasMore), "next_page": hasMore ? .string("page_\(day)") : .null,
        ]
    }

    /// The figures of the groups with usage, in order. What comes after the last refresh is incomplete: only every other
    /// request of it is counted.
    private func figures(
        in period: Period, until refreshed: Timestamp, by group: (UTCDay, Int, UsageEvent) -> Group
    ) -> [(Group, Figures)] {
        var sums: [Group: Figures] = [:]
        for (number, event) in account.store.events(in: period)
        where event.time < refreshed || number % 2 == 0 {
            let tokens = event.model.isEmpty ? AnthropicTokens() : AnthropicTokens(ofEvent: number)
            sums[group(event.time.day, number, event), default: Figures()].add(event.cost, tokens)
        }
        func text(_ group: Group) -> [String] {
            ["\(group.day)", group.keyID ?? "", group.model ?? "", group.description ?? ""]
        }
        return sums.map { ($0.key, $0.value) }.sorted { text($0.0).lexicographicallyPrecedes(text($1.0)) }
    }

    private func refreshedAt(_ conditions: AnthropicConditions.Values) -> Timestamp {
        if let refreshed = conditions.refreshedAt { return refreshed }
        let interval = conditions.refreshInterval.wholeMilliseconds
        guard interval > 0 else { return request.time }
        return Timestamp(milliseconds: request.time.milliseconds / interval * interval)
    }

    private func page(
        of rows: [JSONValue], _ refreshed: Timestamp, _ conditions: AnthropicConditions.Values
    ) throws -> (rows: [JSONValue], next: String?) {
        let size = min(request.query["limit"].flatMap { Int($0) } ?? 100, conditions.longestPage)
        guard size > 0 else { throw refused("limit must be positive") }
        var start = 0
        if let cursor = request.query["page"] {
            let parts = cursor.split(separator: "_")
            guard parts.count == 3, let offset = Int(parts[1]) else { throw refused("invalid page") }
            // Only figures with a time of their own make a cursor expire: those up to now change all the time.
            let isOutdated = conditions.tellsRefresh && parts[2] != "\(refreshed.milliseconds)"
            if isOutdated || account.conditions.takeExpiredCursor() {
                throw AnthropicRefusal(status: 410, message: "the page has expired")
            }
            start = offset
        }
        let end = min(start + size, rows.count)
        guard start <= end else { throw refused("invalid page") }
        return (Array(rows[start..<end]), end < rows.count ? "page_\(end)_\(refreshed.milliseconds)" : nil)
    }

    private func period(bucket: String) throws -> Period {
        guard let start = request.query["starting_at"].flatMap({ Timestamp($0) }), start <= request.time else {
            throw refused("starting_at is required and must be in the past")
        }
        guard request.query[bucket] == "1d" else { throw refused("\(bucket) must be 1d") }
        let end = request.query["ending_at"].map { Timestamp($0) }
        if let end, end == nil { throw refused("ending_at is not a time") }
        return Period(start: start.day.start, end: (end ?? nil) ?? request.time)
    }

    private func groups(allowed: [String]) throws -> Set<String> {
        let groups = Set((request.query["group_by[]"] ?? "").split(separator: ",").map(String.init))
        guard groups.isSubset(of: allowed) else { throw refused("group_by[] has an unknown value") }
        return groups
    }

    private func refused(_ message: String) -> AnthropicRefusal { AnthropicRefusal(status: 400, message: message) }

    private func cost(_ figures: Figures) -> JSONValue {
        [
            "amount": cents(figures.cost), "currency": "USD", "list_amount": cents(figures.cost * 2),
            "requests": .count(figures.requests),
        ]
    }

    private func usage(_ figures: Figures) -> JSONValue {
        let tokens = figures.tokens
        let total = tokens.input + tokens.cached + tokens.written5m + tokens.written1h + tokens.output
        return .object(
            self.tokens(tokens) + [
                .init("total_tokens", .count(total)), .init("requests", .count(figures.requests)),
            ])
    }

    private func tokens(_ tokens: AnthropicTokens) -> [JSONValue.Member] {
        [
            .init("uncached_input_tokens", .count(tokens.input)),
            .init("cache_read_input_tokens", .count(tokens.cached)),
            .init(
                "cache_creation",
                [
                    "ephemeral_5m_input_tokens": .count(tokens.written5m),
                    "ephemeral_1h_input_tokens": .count(tokens.written1h),
                ]),
            .init("output_tokens", .count(tokens.output)),
            .init("server_tool_use", ["web_search_requests": .count(0)]),
        ]
    }

    /// Money is text in cents.
    private func cents(_ usd: ExactDecimal) -> JSONValue { .string((usd * 100).description) }

    private func text(_ value: String?) -> JSONValue {
        guard let value, !value.isEmpty else { return .null }
        return .string(value)
    }
}
