import UsageModel

/// The responses of a simulated organization.
struct OpenAILists {
    let account: OpenAIAccount
    let forms: OpenAIForms
    let style: AnswerStyle
    let now: Timestamp

    static let usageEndpoints: Set<String> = [
        "completions", "embeddings", "moderations", "images", "audio_speeches", "audio_transcriptions",
        "web_search_calls",
    ]

    private var writesAll: Bool { !style.contains(.withoutOptionalFields) }

    /// A page of buckets; `null` for an invalid query.
    ///
    /// - Parameter rows: the rows of a day by the given dimensions.
    func buckets(
        _ query: [String: String], longest: Int, rows: (_ uses: [OpenAIUse], _ groups: Set<Substring>) -> [JSONValue]
    ) -> JSONValue {
        guard let from = query["start_time"].flatMap({ Int64($0) }), query["bucket_width"] == "1d",
            let limit = Int(query["limit"] ?? "7"), (1...longest).contains(limit)
        else { return .null }
        let end = query["end_time"].flatMap { Int64($0) }.map(Timestamp.init(seconds:)) ?? now
        guard end <= now else { return .null }
        let last = end == end.day.start ? end.day.advanced(by: -1) : end.day
        let first = max(
            Timestamp(seconds: from).day, query["page"].flatMap { UTCDay($0.dropFirst(5)) } ?? .init(daysSinceEpoch: 0))
        let size = min(limit, forms.mostBuckets ?? limit)
        let next = first.advanced(by: size)
        let (groups, projects) = (Self.list(query["group_by[]"]), Self.list(query["project_ids[]"]))
        var buckets: [JSONValue] = []
        for day in stride(from: first, to: min(next, last.advanced(by: 1)), by: 1)
        where !forms.hiddenDays.contains(day) {
            var uses = account.store.uses(on: day).filter { projects.isEmpty || projects.contains($0.projectID[...]) }
            if !groups.isEmpty { uses.removeAll { max($0.time, $0.visibleFrom) + forms.rowsLag > now } }
            if forms.emptyDays.contains(day) { uses = [] }
            if groups.isEmpty, let amount = forms.unlisted[day] {
                uses.append(OpenAIUse(time: day.start, keyID: nil, model: "", lines: [.init(nil, amount)]))
            }
            var results = rows(uses, groups)
            if forms.repeatsRows { results += results }
            if forms.omitsIdleDays, results.isEmpty { continue }
            buckets.append([
                "object": "bucket", "start_time": seconds(day.start), "end_time": seconds(day.period.end),
                forms.writesResult ? "result" : "results": .array(results),
            ])
        }
        let hasMore = next <= last
        let cursor = forms.repeatsCursor ? "page_\(first)" : "page_\(next)"
        return [
            "object": "page", "data": .array(buckets), "has_more": .bool(hasMore),
            "next_page": hasMore && !forms.omitsCursor ? .string(cursor) : .null,
        ]
    }

    /// The values of a parameter that is a list, which arrive joined by commas.
    private static func list(_ values: String?) -> Set<Substring> { Set(values?.split(separator: ",") ?? []) }

    private func seconds(_ time: Timestamp) -> JSONValue { .count(Int(time.milliseconds / 1000)) }

    /// The rows of `costs`.
    func costs(_ uses: [OpenAIUse], _ groups: Set<Substring>) -> [JSONValue] {
        var amounts: [[String?]: ExactDecimal] = [:]
        for use in uses {
            for line in use.lines {
                let group = [
                    groups.contains("api_key_id") ? use.keyID : nil, groups.contains("line_item") ? line.item : nil,
                ]
                amounts[group, default: .zero] += line.amount
            }
        }
        return amounts.map { row($1, $0) }
    }

    private func row(_ amount: ExactDecimal, _ group: [String?]) -> JSONValue {
        let value: JSONValue = forms.writesAmountsAsText ? .string(amount.description) : .number(amount)
        var members: [JSONValue.Member] = [
            .init("object", "organization.costs.result"),
            .init("amount", ["value": value, "currency": .string(forms.currency)]),
            .init("line_item", text(group[1])), .init("project_id", .null), .init("api_key_id", text(group[0])),
        ]
        if writesAll {
            members += [
                .init("quantity", .null), .init("organization_id", "org-demo"), .init("organization_name", "Demo"),
            ]
        }
        return .object(members)
    }

    private func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }

    /// The rows of an endpoint of `usage`.
    func usage(of endpoint: String, _ uses: [OpenAIUse], _ groups: Set<Substring>) -> [JSONValue] {
        var sums: [[String?]: OpenAIUse] = [:]
        for use in uses where use.endpoint == endpoint {
            let group = [
                groups.contains("api_key_id") ? use.keyID : nil, groups.contains("model") ? use.model : nil,
            ]
            if var sum = sums[group] {
                sum.requests += use.requests
                sum.input += use.input
                sum.cached += use.cached
                sum.written += use.written
                sum.output += use.output
                sums[group] = sum
            } else {
                sums[group] = use
            }
        }
        return sums.map { group, sum in
            var members: [JSONValue.Member] = [
                .init("object", .string("organization.usage.\(endpoint).result")),
                .init("num_model_requests", .count(sum.requests)), .init("project_id", .null), .init("user_id", .null),
                .init("api_key_id", text(group[0])), .init("model", text(group[1])),
            ]
            switch endpoint {
            case "completions":
                members += [.init("input_tokens", .count(sum.input)), .init("output_tokens", .count(sum.output))]
                guard writesAll || sum.cached + sum.written > 0 else { break }
                members += [
                    .init("input_cached_tokens", .count(sum.cached)),
                    .init("input_cache_write_tokens", .count(sum.written)),
                    .init("input_uncached_tokens", .count(sum.input - sum.cached)), .init("batch", .null),
                ]
            case "embeddings", "moderations": members.append(.init("input_tokens", .count(sum.input)))
            case "images": members.append(.init("images", .count(sum.requests)))
            case "audio_speeches": members.append(.init("characters", .count(sum.requests * 100)))
            default: members.append(.init("seconds", .count(sum.requests * 30)))
            }
            return .object(members)
        }
    }

    func projects(_ query: [String: String]) -> JSONValue {
        page(of: account.projects, query) { id in
            [
                "id": .string(id), "object": "organization.project", "name": .string(id.uppercased()),
                "status": "active",
            ]
        }
    }

    func keys(of project: String, _ query: [String: String]) -> JSONValue {
        let keys = account.keys.withLockedValue { $0 }.filter { $0.projectID == project && !$0.isDeleted }
        return page(of: keys.map(\.id), query) { id in
            guard let key = keys.first(where: { $0.id == id }) else { return .null }
            var members: [JSONValue.Member] = [
                .init("object", "organization.project.api_key"), .init("id", .string(key.id)),
                .init("name", text(key.name)), .init("redacted_value", "sk-abc...def"),
            ]
            if writesAll {
                let owner: JSONValue = ["id": "user_1", "email": "owner@example.com"]
                members += [
                    .init("created_at", seconds(key.created)), .init("last_used_at", seconds(now - .hours(1))),
                    .init("owner", ["type": .string(key.ownerType), key.ownerType: owner]),
                ]
            }
            return .object(members)
        }
    }

    func rateLimits(_ query: [String: String]) -> JSONValue? {
        page(of: account.rateLimits.map(\.model), query) { model in
            let limit = account.rateLimits.first { $0.model == model }
            return [
                "object": "project.rate_limit", "id": .string("rl-\(model)"), "model": .string(model),
                "max_requests_per_1_minute": .count(limit?.requests ?? 0),
                "max_tokens_per_1_minute": .count(limit?.tokens ?? 0),
            ]
        }
    }

    /// Nil if the organization has no such endpoint.
    var spendLimit: JSONValue? {
        account.spendLimitCents.map { cents in
            [
                "object": "organization.spend_limit", "threshold_amount": .count(cents), "currency": "USD",
                "interval": "month", "enforcement": ["status": forms.isEnforcing ? "enforcing" : "inactive"],
            ]
        }
    }

    private func page(
        of ids: [String], _ query: [String: String], entry: (String) -> JSONValue
    ) -> JSONValue {
        let after = query["after"].flatMap { ids.firstIndex(of: $0) }.map { $0 + 1 } ?? 0
        let listed = ids.dropFirst(after).prefix(min(forms.mostEntries, Int(query["limit"] ?? "20") ?? 20))
        return [
            "object": "list", "data": .array(listed.map(entry)), "first_id": text(listed.first),
            "last_id": text(listed.last), "has_more": .bool(after + listed.count < ids.count),
        ]
    }
}
