import Upstream
import UsageModel

/// A quantity of a row.
enum AnthropicMeasure: Hashable {
    /// USD.
    case cost
    case requests
    /// By the label `token_type`.
    case tokens(String)

    /// The cell of a quantity.
    func cell(key: String, model: String, _ value: ExactDecimal) -> Cell {
        switch self {
        case .cost: Cell(.cost, [key, model], value)
        case .requests: Cell(.requests, [key, model], value)
        case .tokens(let type): Cell(.tokens, [key, model, type], value)
        }
    }

    /// The quantity of a stored cell; nil for another family.
    init?(of cell: Cell) {
        switch cell.family {
        case .cost: self = .cost
        case .requests: self = .requests
        case .tokens: self = .tokens(cell.labels[2])
        default: return nil
        }
    }
}

/// The quantities of one day and group.
struct AnthropicRow {
    let period: Period
    /// The id of the key; nil for usage without one and in rows that are not split by key.
    let keyID: String?
    /// Nil for what no model is charged for.
    let model: String?
    /// Whether the response has the dimension of models at all, if only as null.
    let isSplit: Bool
    /// The further dimensions, in which rows of one key and model differ.
    let details: [String?]
    /// The quantities, or why they cannot be read: that concerns only the day of the row.
    var quantities: Result<[AnthropicMeasure: ExactDecimal], SourceFailure>
}

/// The quantities of a row of either report.
protocol AnthropicQuantities: Decodable {
    /// The member of a row of the analytics.
    static var member: String { get }

    var measures: [AnthropicMeasure: ExactDecimal] { get }
}

/// Money as text in cents with decimals, always in USD.
struct AnthropicCost: AnthropicQuantities {
    static let member = "cost"

    let usd: ExactDecimal

    var measures: [AnthropicMeasure: ExactDecimal] { [.cost: usd] }

    private enum CodingKeys: String, CodingKey {
        case amount, currency
    }

    /// - Throws: if the amount is missing or not a number, or in another currency.
    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        guard let currency = try fields.decodeIfPresent(LenientString.self, forKey: .currency)?.value else {
            throw SourceFailure(.decode, "an amount has no currency; expected USD")
        }
        guard currency.uppercased() == "USD" else {
            throw SourceFailure(.decode, "an amount is in another currency than USD")
        }
        let cents = try fields.decode(LenientDecimal.self, forKey: .amount).value
        // The point is shifted in the text, which is exact.
        guard let usd = ExactDecimal("\(cents)e-2") else {
            throw SourceFailure(.decode, "an amount is out of range")
        }
        self.usd = usd
    }
}

/// Tokens by type, which are disjoint, and requests.
struct AnthropicUsage: AnthropicQuantities {
    static let member = "usage"

    private(set) var measures: [AnthropicMeasure: ExactDecimal] = [:]

    private enum CodingKeys: String, CodingKey {
        case uncached_input_tokens, cache_read_input_tokens, cache_creation, output_tokens, requests
    }

    /// - Throws: if a count is not a whole number, or if there is none. Code execution has requests only.
    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        func add(_ measure: AnthropicMeasure, _ count: LenientInt?) throws {
            guard let count = count?.value else { return }
            measures[measure, default: .zero] += ExactDecimal(count)
        }
        func count(_ key: CodingKeys) throws -> LenientInt? { try fields.decodeIfPresent(LenientInt.self, forKey: key) }
        try add(.tokens("input"), count(.uncached_input_tokens))
        try add(.tokens("cache_input"), count(.cache_read_input_tokens))
        try add(.tokens("output"), count(.output_tokens))
        // `ephemeral_5m_input_tokens`, `ephemeral_1h_input_tokens`: lifetimes are an open set.
        let writes = try fields.decodeIfPresent([String: LenientInt?].self, forKey: .cache_creation) ?? [:]
        for (_, written) in writes { try add(.tokens("cache_write"), written) }
        try add(.requests, count(.requests))
        guard !measures.isEmpty else { throw SourceFailure(.decode, "a row has neither tokens nor requests") }
    }
}

/// A page of either generation: rows of the analytics, or buckets of the older API with their rows in `results`.
struct AnthropicPage<Quantities: AnthropicQuantities>: Decodable {
    let rows: [AnthropicRow]
    /// Whether more pages follow.
    let hasMore: Bool
    let nextPage: String?
    /// The time up to which the figures are complete; nil if the response does not say.
    let refreshedAt: Timestamp?

    private enum CodingKeys: String, CodingKey {
        case data, has_more, next_page, data_refreshed_at
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        rows = try fields.decode(BoundedArray<AnthropicEntry<Quantities>>.self, forKey: .data).values.flatMap(\.rows)
        let next = try fields.decodeIfPresent(LenientString.self, forKey: .next_page)?.whole
        nextPage = next.flatMap { $0.isEmpty ? nil : $0 }
        hasMore = try fields.decodeIfPresent(LenientFlag.self, forKey: .has_more)?.value ?? (nextPage != nil)
        refreshedAt = try fields.decodeIfPresent(LenientTimestamp.self, forKey: .data_refreshed_at)?.value
    }
}

/// A row of the analytics, or a bucket of the older API.
private struct AnthropicEntry<Quantities: AnthropicQuantities>: Decodable {
    let rows: [AnthropicRow]

    private enum CodingKeys: String, CodingKey {
        case starting_at, ending_at, group, results, cost, usage
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        let start = try fields.decode(LenientTimestamp.self, forKey: .starting_at).value
        let end = try fields.decode(LenientTimestamp.self, forKey: .ending_at).value
        let period = Period(start: start, end: end)
        if fields.contains(.results) {
            rows = try fields.decode(RequiredArray<BucketRow>.self, forKey: .results).values.map { $0.row(period) }
        } else {
            let group = try fields.decodeIfPresent(Group.self, forKey: .group)
            let key: CodingKeys = Quantities.member == AnthropicCost.member ? .cost : .usage
            rows = [
                AnthropicRow(
                    period: period, keyID: group?.keyID, model: group?.modelName, isSplit: group?.isSplit ?? false,
                    details: [], quantities: Result.of { try fields.decode(Quantities.self, forKey: key) })
            ]
        }
    }

    /// The dimensions of a row, each of which is null unless the rows are split by it.
    private struct Group: Decodable {
        let keyID: String?
        let modelName: String?
        let isSplit: Bool

        private enum CodingKeys: String, CodingKey {
            case api_key_id, model
        }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            func text(_ key: CodingKeys) throws -> String? {
                let text = try fields.decodeIfPresent(LenientString.self, forKey: key)?.value
                return text.flatMap { $0.isEmpty ? nil : $0 }
            }
            keyID = try text(.api_key_id)
            modelName = try text(.model)
            isSplit = fields.contains(.model)
        }
    }

    /// A row of a bucket of the older API: dimensions and quantities side by side.
    private struct BucketRow: Decodable {
        let group: Group
        let details: [String?]
        let quantities: Result<[AnthropicMeasure: ExactDecimal], SourceFailure>

        private enum CodingKeys: String, CodingKey, CaseIterable {
            case description, cost_type, token_type, service_tier, context_window, inference_geo
        }

        init(from decoder: any Decoder) throws {
            group = try Group(from: decoder)
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            details = try CodingKeys.allCases.map { try fields.decodeIfPresent(LenientString.self, forKey: $0)?.value }
            quantities = Result.of { try Quantities(from: decoder) }
        }

        func row(_ period: Period) -> AnthropicRow {
            AnthropicRow(
                period: period, keyID: group.keyID, model: group.modelName, isSplit: group.isSplit, details: details,
                quantities: quantities)
        }
    }
}

extension Result<[AnthropicMeasure: ExactDecimal], SourceFailure> {
    /// Decodes the quantities of a row, or the reason why they cannot be decoded.
    fileprivate static func of(_ decode: () throws -> some AnthropicQuantities) -> Self {
        do {
            return .success(try decode().measures)
        } catch {
            return .failure(JSONBody.failure(of: error))
        }
    }
}
