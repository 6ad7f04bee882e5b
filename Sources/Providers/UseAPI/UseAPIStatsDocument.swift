import Upstream
import UsageModel

/// One response of `GET /v2/account/stats`, its rows counted as they are read.
struct UseAPIDocument {
    let head: UseAPIStatsHead
    /// The rows that the response lists, counted or not.
    let listed: Int

    /// The longest that everything but the rows may be, in bytes: the summary's counts are members of objects, which
    /// have no limit of their own.
    private static let longestHead = 1 << 20

    /// Reads a response to a query of a day, and adds its rows.
    ///
    /// - Parameters:
    ///   - isCounted: which rows to add; nil for all.
    ///   - remark: gets each decoration that could not be read.
    /// - Throws: `SourceFailure` (`decode`) where it is not such a response, or one for another day.
    init(
        _ answer: UpstreamResponse, day: UTCDay, into rows: inout UseAPIRows,
        where isCounted: ((UseAPIRow) -> Bool)? = nil,
        remark: (String) -> Void = { _ in }
    ) throws {
        var listed = 0
        var document = JSONArraySplitter(answer.body, list: "data")
        let rest = try document.read { batch in
            do {
                let read =
                    try UseAPIRow.plain(batch.json)
                    ?? JSONBody.decode([UseAPIRow].self, from: answer.part(batch.json))
                listed += read.count
                for row in read where isCounted?(row) ?? true { rows.add(row) }
                try rows.checkSize()
            } catch let failure as SourceFailure {
                throw SourceFailure(failure.reason, "data, from row \(batch.first) on: \(failure.message)")
            }
        }
        guard rest.count <= Self.longestHead else {
            throw SourceFailure(.decode, "stats has more than \(Self.longestHead) bytes beside its rows")
        }
        head = try JSONBody.decode(UseAPIStatsHead.self, from: answer.part(rest), remark: remark)
        self.listed = listed
        // The usage of one day counted for another would double it.
        if let date = head.date?.value, !date.isEmpty, Timestamp(date)?.day != day {
            throw SourceFailure(.decode, "stats answered for another date than \(day), which was asked for")
        }
        guard head.total != nil || head.summary.value != nil || listed > 0 else {
            throw SourceFailure(.decode, "stats answered without `total`; is base_url the useapi.net API?")
        }
    }
}

extension UpstreamResponse {
    /// The same response with a part of its body.
    fileprivate func part(_ json: [UInt8]) -> UpstreamResponse {
        UpstreamResponse(status: status, headers: headers, body: json)
    }
}

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

/// Queries one bot's statistics of a day: once, or once more for each linked account where the list is cut.
struct UseAPIStatsQuery {
    let api: any UpstreamAPI
    let bot: String

    /// "Number of records to return (max: 50000)": a list of exactly this length is taken for one that is cut.
    static let longestList = 50_000
    /// A day comes whole: this is three times the rows of the longest list.
    static let longestAnswer = 64 << 20
    /// The most linked accounts that a cut list is split by.
    static let mostConfigs = 100

    /// Reads a day.
    func day(_ day: UTCDay, remark: (String) -> Void) async throws -> UseAPIDay {
        let (whole, unsplit) = try await whole(day, remark)
        guard let unsplit else { return whole }
        // The accounts' own lists take the place of their rows in the cut one.
        var rows = unsplit
        var isIncomplete = false
        for config in whole.configs.sorted() {
            let answer = try await send(day, config: config)
            let document = try UseAPIDocument(answer, day: day, into: &rows) { $0.config == config }
            isIncomplete = isIncomplete || document.listed >= Self.longestList
        }
        return whole.split(into: rows, isIncomplete: isIncomplete)
    }

    /// Reads the day's list.
    ///
    /// - Returns: the day; and where its list is cut and can be split, the rows of no linked account that it can be
    ///   split by.
    private func whole(_ day: UTCDay, _ remark: (String) -> Void) async throws -> (UseAPIDay, UseAPIRows?) {
        let answer = try await send(day)
        var rows = UseAPIRows()
        let document = try UseAPIDocument(answer, day: day, into: &rows, remark: remark)
        let whole = UseAPIDay(bot: bot, day: day, rows: rows, head: document.head)
        guard whole.isCut, (1...Self.mostConfigs).contains(whole.configs.count) else { return (whole, nil) }
        var unsplit = UseAPIRows()
        _ = try UseAPIDocument(answer, day: day, into: &unsplit) { row in
            row.config.map { !whole.configs.contains($0) } ?? true
        }
        return (whole, unsplit)
    }

    private func send(_ day: UTCDay, config: String? = nil) async throws -> UpstreamResponse {
        let query = [(name: "bot", value: bot), (name: "date", value: day.description)]
        let filter = config.map { [(name: "config", value: $0)] } ?? []
        return try await api.send(
            UpstreamCall(.get, "/v2/account/stats", query: query + filter, longestAnswer: Self.longestAnswer)
                .explained(by: UseAPI.meanings))
    }
}
