import UsageModel
import Upstream

/// `GET /api/v1/activity`: the last 30 completed UTC days by model, and with a filter of one key.
///
/// Each query of a key yields that key's part; what the keys do not have of the account's figures has no key. A day whose
/// parts have more requests than the account fails.
struct OpenRouterActivity {
    let api: any UpstreamAPI

    /// The documented number of completed days.
    static let days = 30

    /// A row: one endpoint of a model on a day.
    private struct Row: Decodable {
        let date: LenientTimestamp
        let model: LenientString?
        let model_permaslug: LenientString?
        let usage: LenientDecimal
        let byok_usage_inference: LenientDecimal?
        let requests: LenientInt
        let prompt_tokens: LenientInt?
        let completion_tokens: LenientInt?
        let cached_tokens: LenientInt?
    }

    /// Reads the completed days that are due and commits each as a whole.
    ///
    /// A day that analytics has read to its end stays as it was read: it is not certain that both have the same figures.
    func read(_ context: any SyncContext, _ memory: inout OpenRouterMemory) async throws {
        let today = context.now.day
        let oldest = today.advanced(by: -Self.days)
        let due = OpenRouterSpan.days(of: context.dueSlices).filter { span in
            guard span.day >= oldest, span.day < today else { return false }
            let lastRead = span.slices.last?.lastRead ?? Timestamp(milliseconds: .min)
            return memory.isWhole(span.day) || lastRead < span.end
        }
        guard !due.isEmpty else { return }
        guard let keys = try await memory.keys(api, context) else {
            throw SourceFailure(.decode, "activity is read key by key, but keys could not be listed")
        }
        var parts = UnreadableParts()
        do {
            for day in try await read(due, keys, context, memory.names) {
                try await parts.isolate { try await commit(day, context, &memory) }
            }
        } catch let failure as SourceFailure where failure.reason == .decode && due.count > 1 {
            // All days may be too many rows, and one day may be unreadable.
            for span in due {
                try await parts.isolate {
                    for day in try await read([span], keys, context, memory.names) {
                        try await commit(day, context, &memory)
                    }
                }
            }
        }
        try parts.check()
    }

    /// A day as it was read.
    private struct Day {
        let span: OpenRouterSpan
        /// The usage of all keys.
        let parts: OpenRouterUsage
        let total: OpenRouterUsage
        let readAt: Timestamp
    }

    private func read(
        _ due: [OpenRouterSpan], _ keys: [OpenRouterListedKey], _ context: any SyncContext, _ names: OpenRouterKeyNames
    ) async throws -> [Day] {
        let requestedAt = context.now
        let days = Set(due.map(\.day))
        let total = try await usage(of: days, key: nil, context) { _ in "" }
        var parts: [UTCDay: OpenRouterUsage] = [:]
        for key in keys where key.wasUsed {
            let byDay = try await usage(of: days, key: key.id, context) { names.label(ofKey: key.id, at: $0.start) }
            parts.merge(byDay) { sum, other in
                var sum = sum
                sum.add(other)
                return sum
            }
        }
        return due.map { span in
            Day(
                span: span, parts: parts[span.day] ?? OpenRouterUsage(), total: total[span.day] ?? OpenRouterUsage(),
                readAt: requestedAt)
        }
    }

    private func commit(_ day: Day, _ context: any SyncContext, _ memory: inout OpenRouterMemory) async throws {
        let (span, earlier) = (day.span, try await day.span.storedUsage(context))
        var sum = day.parts
        // Costs may be negative, but no part of an account can have more requests than all of it.
        guard sum.sum(.requests) <= day.total.sum(.requests) else {
            throw SourceFailure(
                .decode,
                "activity has more requests of single keys than of the account on \(span.day), as if the filter of keys "
                    + "were ignored; the day stays")
        }
        let difference = sum.addKeyless(of: day.total)
        if sum.isEmpty, !earlier.isEmpty {
            throw SourceFailure(.decode, "activity has no usage of \(span.day), which had some; it stays")
        }
        sum.keepLabels(of: earlier, hasTotal: true)
        var reading = Reading()
        let cells = sum.cells + [Cell(.reconciliation, [], difference)]
        reading.slices = span.readings(cells, readAt: day.readAt)
        try memory.markWhole(span.day, in: &reading)
        try await context.commit(reading)
    }

    /// Reads the usage by model of some days, of one key or of all.
    private func usage(
        of days: Set<UTCDay>, key: String?, _ context: any SyncContext, label: (UTCDay) -> String
    ) async throws -> [UTCDay: OpenRouterUsage] {
        var query: [(name: String, value: String)] = []
        // Without a date the response has all 30 days.
        if days.count == 1, let day = days.first { query.append((name: "date", value: day.description)) }
        if let key { query.append((name: "api_key_hash", value: key)) }
        let response = try await api.send(UpstreamCall(.get, "/api/v1/activity", query: query).openRouter)
        let rows = try OpenRouterEnvelope<BoundedArray<Row>>.payload(of: response, context).values
        var usage: [UTCDay: OpenRouterUsage] = [:]
        for row in rows where days.contains(row.date.value.day) {
            let day = row.date.value.day
            let counts = [row.requests, row.prompt_tokens, row.completion_tokens, row.cached_tokens]
            guard counts.allSatisfy({ $0.map { $0.value >= 0 } ?? true }) else {
                throw SourceFailure(.decode, "activity has a negative count on \(day)")
            }
            let model = [row.model_permaslug, row.model].compactMap { $0?.value }.first { !$0.isEmpty } ?? ""
            usage[day, default: OpenRouterUsage()].add(
                OpenRouterFigures(
                    cost: row.usage.value, ownKeyCost: row.byok_usage_inference?.value, requests: row.requests.value,
                    prompt: row.prompt_tokens?.value, cached: row.cached_tokens?.value,
                    completion: row.completion_tokens?.value),
                to: .init(key: label(day), model: model))
        }
        return usage
    }
}
