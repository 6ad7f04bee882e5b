import Foundation
import Upstream
import UsageModel

/// A query of `POST /api/v1/analytics/query`.
struct OpenRouterQuery: Sendable {
    enum Granularity: String, Sendable {
        case hour, day
    }

    let granularity: Granularity
    /// From a full hour to a full hour, or to the time of the query.
    let range: Period
    /// Whether the rows are split by model and key; otherwise each hour or day is one row.
    var isSplit = true
    /// The hash of the only key to read; nil for all.
    var key: String?

    /// The documented maximum of rows in a response.
    static let mostRows = 10_000

    private struct Body: Encodable {
        struct Range: Encodable {
            let start: String
            let end: String
        }

        struct Filter: Encodable {
            let field = "api_key_id"
            let `operator` = "eq"
            let value: String
        }

        let metrics = [
            "request_count", "tokens_prompt", "tokens_completion", "cached_tokens", "credits_usage", "byok_usage",
        ]
        let dimensions: [String]
        let granularity: String
        let time_range: Range
        let filters: [Filter]?
        let limit = OpenRouterQuery.mostRows
    }

    /// Sends the query.
    ///
    /// - Throws: `UpstreamFailure`, or `SourceFailure` with the reason `decode`.
    func send(to api: any UpstreamAPI, _ context: any SyncContext) async throws -> OpenRouterResponse {
        let body = Body(
            dimensions: isSplit ? ["model", "api_key_id"] : [], granularity: granularity.rawValue,
            time_range: .init(start: range.start.description, end: range.end.description),
            filters: key.map { [.init(value: $0)] })
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let call = UpstreamCall(.post, "/api/v1/analytics/query", jsonBody: Array(try encoder.encode(body)))
        let requestedAt = context.now
        let payload = try OpenRouterEnvelope<OpenRouterPayload>.payload(
            of: try await api.send(call.openRouter.splitAfterTimeout), context)
        return OpenRouterResponse(payload, requestedAt: requestedAt)
    }
}

/// The response to a query.
struct OpenRouterResponse {
    /// Whether all rows of the range are listed.
    enum Extent {
        /// The response says so.
        case whole
        /// The response says that rows are missing, or has as many as it may have.
        case truncated
        /// The response does not say so.
        case unstated
    }

    let rows: [OpenRouterRow]
    let extent: Extent
    /// Up to when usage is in it: the time of the query, or of an earlier one whose response was stored.
    let asOf: Timestamp
    /// The number of filters, and other parts of the query, that the API could not apply.
    let warnings: Int

    /// An older `cachedAt` is not a time.
    private static let longestStored = Duration.days(1)

    fileprivate init(_ payload: OpenRouterPayload, requestedAt: Timestamp) {
        rows = payload.data.values
        let stored = payload.cachedAt.value?.value ?? requestedAt
        asOf = requestedAt - stored < Self.longestStored ? min(requestedAt, stored) : requestedAt
        warnings = payload.warnings.value?.values.count ?? 0
        switch payload.metadata?.truncated?.value {
        case true?: extent = .truncated
        case _ where rows.count >= OpenRouterQuery.mostRows: extent = .truncated
        case false?: extent = .whole
        case nil: extent = .unstated
        }
    }

    /// Groups the rows by hour or day.
    ///
    /// - Parameter starts: the starts of the requested hours or days.
    /// - Throws: `SourceFailure` for a row of another time, because its usage would be lost. One at the end of the range is
    ///   ignored: the range may include its end, and that hour belongs to the next query.
    func byStart(_ starts: [Timestamp], end: Timestamp) throws -> [Timestamp: [OpenRouterRow]] {
        var grouped = Dictionary(uniqueKeysWithValues: starts.map { ($0, [OpenRouterRow]()) })
        for row in rows where row.time != end || grouped[row.time] != nil {
            guard grouped[row.time] != nil else {
                throw SourceFailure(
                    .decode, "analytics/query has a row of \(row.time), which was not requested")
            }
            grouped[row.time]?.append(row)
        }
        return grouped
    }
}

private struct OpenRouterPayload: Decodable {
    struct Metadata: Decodable {
        let truncated: LenientFlag?
    }

    let data: BoundedArray<OpenRouterRow>
    let metadata: Metadata?
    let cachedAt: Decoration<LenientTimestamp>
    let warnings: Decoration<LenientArray<LenientString>>
}

/// A row: the usage of one key and model in an hour or on a day.
struct OpenRouterRow: Decodable, Hashable {
    /// The start of the hour or day.
    let time: Timestamp
    /// The key's name, although the dimension is called an id; empty without a key.
    let key: String
    /// The model's permanent slug; empty without a model.
    let model: String
    let figures: OpenRouterFigures

    private enum CodingKeys: String, CodingKey {
        case date__hour, date__day, api_key_id, model
        case credits_usage, byok_usage, request_count, tokens_prompt, tokens_completion, cached_tokens
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        let timeKey: CodingKeys = fields.contains(.date__day) ? .date__day : .date__hour
        time = try fields.decode(LenientTimestamp.self, forKey: timeKey).value
        key = try fields.decodeIfPresent(LenientString.self, forKey: .api_key_id)?.value ?? ""
        model = try fields.decodeIfPresent(LenientString.self, forKey: .model)?.value ?? ""
        // Read as no usage, a response of another form would revert what was counted.
        for required in [CodingKeys.credits_usage, .request_count] where !fields.contains(required) {
            throw DecodingError.keyNotFound(
                required, .init(codingPath: fields.codingPath, debugDescription: "missing figure"))
        }
        func count(_ key: CodingKeys) throws -> Int? {
            let count = try fields.decodeIfPresent(LenientInt.self, forKey: key)?.value
            guard let count, count < 0 else { return count }
            throw JSONMismatch.error(
                at: fields.codingPath + [key], expected: "a number of at least 0", found: "a negative one")
        }
        figures = OpenRouterFigures(
            cost: try fields.decodeIfPresent(LenientDecimal.self, forKey: .credits_usage)?.value,
            ownKeyCost: try fields.decodeIfPresent(LenientDecimal.self, forKey: .byok_usage)?.value,
            requests: try count(.request_count), prompt: try count(.tokens_prompt),
            cached: try count(.cached_tokens), completion: try count(.tokens_completion))
    }
}

/// The totals of hours or days, of one query.
struct OpenRouterTotals {
    private let byStart: [Timestamp: OpenRouterUsage]
    private let range: Period
    private let asOf: Timestamp
    let isRefused: Bool

    /// Reads totals; they are refused if the query is, or its response cannot be decoded.
    ///
    /// - Throws: other failures, and a time-out: a shorter range may not time out.
    static func read(
        _ granularity: OpenRouterQuery.Granularity, _ range: Period, _ api: any UpstreamAPI, _ context: any SyncContext
    ) async throws -> OpenRouterTotals {
        do {
            let query = OpenRouterQuery(granularity: granularity, range: range, isSplit: false)
            return try OpenRouterTotals(try await query.send(to: api, context), of: range)
        } catch let failure as any ReasonedFailure
            where failure.reason == .decode || (failure as? UpstreamFailure)?.status == 400
        {
            context.remark("analytics/query has no totals, so parts are not compared with them: \(failure.message)")
            return OpenRouterTotals()
        }
    }

    /// The query is refused.
    private init() {
        byStart = [:]
        range = Period(start: Timestamp(seconds: 0), end: Timestamp(seconds: 0))
        asOf = range.start
        isRefused = true
    }

    private init(_ response: OpenRouterResponse, of range: Period) throws {
        guard response.extent != .truncated else {
            throw SourceFailure(.decode, "analytics/query truncates the totals of hours, expected all of them")
        }
        var byStart: [Timestamp: OpenRouterUsage] = [:]
        for row in response.rows { byStart[row.time, default: OpenRouterUsage()].add(row.figures, to: .unlisted) }
        self.byStart = byStart
        self.range = range
        asOf = response.asOf
        isRefused = false
    }

    /// Whether the hours of a range are in the totals; the last one may have been read before.
    func covers(_ other: Period) -> Bool {
        let hour = range.end.startOfHour
        let end = hour == range.end ? hour : hour + .hours(1)
        return !isRefused && range.start <= other.start && other.end <= end
    }

    /// Returns the total of an hour or day. One without a row has no usage.
    ///
    /// - Parameter evenIfOpen: whether one is returned that had not ended when the total was read; it is then too low.
    func total(of span: OpenRouterSpan, evenIfOpen: Bool = false) -> OpenRouterUsage? {
        guard covers(Period(start: span.start, end: min(span.end, range.end))), span.start < range.end,
            evenIfOpen || span.end <= asOf
        else { return nil }
        if let total = byStart[span.start] { return total }
        var none = OpenRouterUsage()
        none.add(
            OpenRouterFigures(cost: .zero, ownKeyCost: nil, requests: 0, prompt: nil, cached: nil, completion: nil),
            to: .unlisted)
        return none
    }
}
