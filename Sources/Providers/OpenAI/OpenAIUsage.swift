import Upstream
import UsageModel

/// The endpoints of `usage` that count requests.
///
/// Not read: `web_search_calls`, which may count the requests of `completions` again; `file_search_calls`,
/// `code_interpreter_sessions` and `vector_stores`, which count no requests.
enum OpenAIUsageEndpoint: String, CaseIterable, Codable {
    case completions, embeddings, moderations, images
    case speeches = "audio_speeches"
    case transcriptions = "audio_transcriptions"

    var path: String { "/v1/organization/usage/\(rawValue)" }

    fileprivate var reportsInput: Bool { self == .completions || self == .embeddings || self == .moderations }

    fileprivate var reportsOutput: Bool { self == .completions }
}

/// A row of an endpoint of `usage`: the requests and tokens of a key and model.
struct OpenAIUsageRow: OpenAIRow {
    let project_id: LenientString?
    let api_key_id: LenientString?
    let model: LenientString?
    let num_model_requests: LenientInt
    let input_tokens: LenientInt?
    /// Contained in `input_tokens`.
    let input_cached_tokens: LenientInt?
    /// Contained in `input_tokens`, and not in `input_cached_tokens`.
    let input_cache_write_tokens: LenientInt?
    let output_tokens: LenientInt?

    var group: [String?] { [model?.whole, project_id?.whole, keyID] }

    /// The id of the key; nil for usage of no key.
    var keyID: String? { api_key_id.flatMap { $0.whole.isEmpty ? nil : $0.whole } }
}

/// The requests and tokens of one UTC day.
struct OpenAIUsageDay: OpenAIDay {
    let due: DueSlice
    private var rows: [(endpoint: OpenAIUsageEndpoint, row: OpenAIUsageRow)] = []

    init(_ due: DueSlice) { self.due = due }

    /// The ids of the keys with usage.
    var keyIDs: Set<String> { Set(rows.compactMap(\.row.keyID)) }

    /// Adds the rows of one endpoint.
    ///
    /// - Throws: `SourceFailure` if a key and model is listed twice: the response may have repeated a page.
    mutating func add(_ more: [OpenAIUsageRow], of endpoint: OpenAIUsageEndpoint) throws {
        guard !more.hasRepeats else {
            throw SourceFailure(.decode, "\(endpoint.path) lists a key and model twice on \(due.day)")
        }
        rows += more.map { (endpoint, $0) }
    }

    /// Returns the cells of the day. Negative counts yield none.
    ///
    /// - Throws: `SourceFailure` for a row with counts that are missing or contradict each other, or if an endpoint had
    ///   requests at an earlier reading and has no rows now.
    func cells(_ state: inout OpenAIDayState, _ context: any SyncContext) async throws -> [Cell] {
        if let empty = state.endpoints.first(where: { endpoint in !rows.contains { $0.endpoint == endpoint } }) {
            throw SourceFailure(
                .decode, "\(empty.path) has no rows on \(due.day), but had some; the stored figures stay")
        }
        state.endpoints = OpenAIUsageEndpoint.allCases.filter { endpoint in
            rows.contains { $0.endpoint == endpoint && $0.row.num_model_requests.value != 0 }
                || state.endpoints.contains(endpoint)
        }
        var cells: [Cell] = []
        for (endpoint, row) in rows {
            let series = [state[row.keyID], row.model?.value ?? ""]
            let tokens = try row.tokens(endpoint, due.day)
            if row.isNegative {
                context.remark("\(endpoint.path) has negative counts on \(due.day), which are ignored")
            }
            if row.num_model_requests.value >= 0 {
                cells.append(Cell(.requests, series, ExactDecimal(row.num_model_requests.value)))
            }
            cells += tokens.map { Cell(.tokens, series + [$0.type], ExactDecimal($0.count)) }
        }
        return cells
    }

    fileprivate static func invalid(
        _ endpoint: OpenAIUsageEndpoint, _ day: UTCDay, _ problem: String
    ) -> SourceFailure {
        SourceFailure(.decode, "\(endpoint.path) has a row with \(problem) on \(day)")
    }
}

extension OpenAIUsageRow {
    fileprivate var isNegative: Bool {
        [num_model_requests, input_tokens, input_cached_tokens, input_cache_write_tokens, output_tokens]
            .contains { $0.map { $0.value < 0 } ?? false }
    }

    /// Returns the tokens by type, disjoint. A type of cached tokens that is missing or zero yields none.
    fileprivate func tokens(
        _ endpoint: OpenAIUsageEndpoint, _ day: UTCDay
    ) throws -> [(type: String, count: Int)] {
        guard endpoint.reportsInput else { return [] }
        guard let input = input_tokens?.value, let output = endpoint.reportsOutput ? output_tokens?.value : 0 else {
            throw OpenAIUsageDay.invalid(
                endpoint, day, "no \(input_tokens == nil ? "input_tokens" : "output_tokens")")
        }
        let cached = input_cached_tokens?.value ?? 0
        let written = input_cache_write_tokens?.value ?? 0
        guard min(input, output, cached, written) >= 0 else { return [] }
        guard cached + written <= input else {
            throw OpenAIUsageDay.invalid(
                endpoint, day, "more tokens read from the cache or written to it than input_tokens, which includes them"
            )
        }
        var tokens = [(type: "input", count: input - cached - written)]
        if endpoint.reportsOutput { tokens.append((type: "output", count: output)) }
        if cached > 0 { tokens.append((type: "cache_input", count: cached)) }
        if written > 0 { tokens.append((type: "cache_write", count: written)) }
        return tokens
    }
}
