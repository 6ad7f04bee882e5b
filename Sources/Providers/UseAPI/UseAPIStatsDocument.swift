import Upstream
import UsageModel

/// One response of `GET /v2/account/stats`; its rows are counted while it is decoded.
struct UseAPIDocument {
    let head: UseAPIStatsHead
    /// The number of rows in the response, whether counted or not.
    let listed: Int

    /// The maximum size of the response without its rows, in bytes, because the summary's counts are unbounded.
    private static let longestHead = 1 << 20

    /// Decodes the response to a query of a day, and adds its rows.
    ///
    /// - Parameters:
    ///   - isCounted: selects the rows to add; nil for all rows.
    ///   - remark: is called for each optional field that could not be decoded.
    /// - Throws: `SourceFailure` (`decode`) if it is not such a response, or one for another day.
    init(
        _ response: UpstreamResponse, day: UTCDay, into rows: inout UseAPIRows,
        where isCounted: ((UseAPIRow) -> Bool)? = nil,
        remark: (String) -> Void = { _ in }
    ) throws {
        let rest: [UInt8]
        do {
            (listed, rest) = try Self.read(response, into: &rows, where: isCounted)
        } catch let failure as SourceFailure {
            throw response.failure(failure)
        }
        guard rest.count <= Self.longestHead else {
            throw SourceFailure(.decode, "stats has more than \(Self.longestHead) bytes in addition to its rows")
        }
        head = try JSONBody.decode(
            UseAPIStatsHead.self, from: response.part(rest, request: response.request), remark: remark)
        guard head.error?.isSet != true else {
            throw SourceFailure(.decode, "stats returned an error object with HTTP \(response.status)")
        }
        // Usage counted for another day would be counted twice.
        if let date = head.date?.value, !date.isEmpty, Timestamp(date)?.day != day {
            throw SourceFailure(.decode, "stats returned another date than the requested \(day)")
        }
        guard head.total != nil || head.summary.value != nil || listed > 0 else {
            throw SourceFailure(.decode, "stats responded without `total`; is base_url the useapi.net API?")
        }
    }

    /// Adds the rows of a response; returns their number and the response without them.
    private static func read(
        _ response: UpstreamResponse, into rows: inout UseAPIRows, where isCounted: ((UseAPIRow) -> Bool)?
    ) throws -> (listed: Int, rest: [UInt8]) {
        var listed = 0
        var document = JSONArraySplitter(response.body, list: "data")
        let rest = try document.read { batch in
            do {
                let read =
                    try UseAPIRow.plain(batch.json)
                    ?? JSONBody.decode([UseAPIRow].self, from: response.part(batch.json))
                listed += read.count
                for row in read where isCounted?(row) ?? true { rows.add(row) }
                try rows.checkSize()
            } catch let failure as SourceFailure {
                throw SourceFailure(failure.reason, "data, from row \(batch.first) on: \(failure.message)")
            }
        }
        return (listed, rest)
    }
}

extension UpstreamResponse {
    /// Returns the response with another body, which is a part of its own.
    fileprivate func part(_ json: [UInt8], request: String = "") -> UpstreamResponse {
        UpstreamResponse(status: status, headers: headers, body: json, request: request)
    }
}

/// A response of `GET /v2/account/stats` without its rows.
///
/// Source: "Query Usage Statistics", sections Responses and Model. Not read: `bot`, `limit`, `config` (the query).
struct UseAPIStatsHead: Decodable {
    let date: LenientString?
    let total: LenientInt?
    let error: UseAPIErrorMember?
    let summary: Decoration<UseAPISummary>
}

/// A member `error`, which a response with HTTP 200 may have too.
struct UseAPIErrorMember: Decodable {
    /// Whether it reports an error: null, false and an empty text do not.
    let isSet: Bool

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        isSet =
            !container.decodeNil() && (try? container.decode(Bool.self)) != false
            && (try? container.decode(String.self)) != ""
    }
}

/// `summary`: missing if there are no data. The rows are counted; the summary is a check and counts requests that are
/// not listed, so a field of it that cannot be decoded is ignored.
///
/// Not read: `from` and `time_span`, which have no family; `by_status`, the text of `by_code`; `success_rate`,
/// `avg_msec` and `avg_captcha_retry`, which are rounded, while their inputs are counted exactly here.
struct UseAPISummary: Decodable {
    struct Lookup: Decodable {
        let tiers: [String: LenientString?]?
        let skus: [String: LenientString?]?
    }

    /// The time of the newest counted request, ISO 8601.
    let to: Decoration<LenientString>
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

/// Counts by name; null and negative values are ignored.
struct UseAPICounts: Decodable {
    let values: [String: Int]

    init(from decoder: any Decoder) throws {
        let counts = try decoder.singleValueContainer().decode([String: LenientInt?].self)
        let named = counts.compactMapValues { $0.flatMap { $0.value < 0 ? nil : $0.value } }
        values = Dictionary(named.map { (LongName.bounded($0.key), $0.value) }, uniquingKeysWith: +)
    }
}

/// Queries one bot's statistics of a day: once, and again for each linked account if the list is truncated.
struct UseAPIStatsQuery {
    let api: any UpstreamAPI
    let bot: String

    /// The documented limit: "Number of records to return (max: 50000)". A list of this length counts as truncated.
    static let longestList = 50_000
    /// The maximum size of a response: three times the rows of the longest list, because a day is a single response.
    static let longestAnswer = 64 << 20
    /// The maximum number of linked accounts by which a truncated list is split.
    static let mostConfigs = 100

    /// Reads a day.
    func day(_ day: UTCDay, remark: (String) -> Void) async throws -> UseAPIDay {
        let (whole, unsplit) = try await whole(day, remark)
        guard let unsplit else { return whole }
        // The accounts' own lists replace their rows in the truncated one.
        var rows = unsplit
        let listed = whole.rows.counts(by: \.key)
        var isIncomplete = false
        for config in whole.configs.sorted() {
            let response = try await send(day, config: config)
            let before = rows.count
            let document = try UseAPIDocument(response, day: day, into: &rows) { $0.config == config }
            guard rows.count - before >= listed[config, default: 0] else {
                throw SourceFailure(
                    .decode, "\(day): the list of one linked account is shorter than its part of the list of \(bot)")
            }
            isIncomplete = isIncomplete || document.listed >= Self.longestList
        }
        return whole.split(into: rows, isIncomplete: isIncomplete)
    }

    /// Reads the day's list.
    ///
    /// - Returns: the day; and if its list is truncated and can be split, the rows that belong to none of the linked
    ///   accounts.
    private func whole(_ day: UTCDay, _ remark: (String) -> Void) async throws -> (UseAPIDay, UseAPIRows?) {
        let response = try await send(day)
        var rows = UseAPIRows()
        let document = try UseAPIDocument(response, day: day, into: &rows, remark: remark)
        let whole = UseAPIDay(bot: bot, day: day, rows: rows, head: document.head)
        guard whole.isCut, (1...Self.mostConfigs).contains(whole.configs.count) else { return (whole, nil) }
        var unsplit = UseAPIRows()
        _ = try UseAPIDocument(response, day: day, into: &unsplit) { row in
            row.config.map { !whole.configs.contains($0) } ?? true
        }
        return (whole, unsplit)
    }

    /// The responses by which the API refuses a bot.
    private var refusals: [Int: StatusMeaning] {
        let text =
            "the API has no statistics of the bot \(bot): if it was retired, take it out of `bots:`, and its counters "
            + "stay; else check its name and base_url"
        return [
            400: StatusMeaning(.http4xx, text), 404: StatusMeaning(.http4xx, text), 410: StatusMeaning(.gone, text),
        ]
    }

    private func send(_ day: UTCDay, config: String? = nil) async throws -> UpstreamResponse {
        let query = [(name: "bot", value: bot), (name: "date", value: day.description)]
        let filter = config.map { [(name: "config", value: $0)] } ?? []
        return try await api.send(
            UpstreamCall(.get, "/v2/account/stats", query: query + filter, longestAnswer: Self.longestAnswer)
                .explained(by: config == nil ? UseAPI.meanings.merging(refusals) { $1 } : UseAPI.meanings))
    }
}
