import Foundation
import UsageModel
import Upstream

/// A row of a list that the API returns in pages.
protocol WaveSpeedRow: Decodable {
    /// Identifies the row. A row without an id cannot be recognized on a second page.
    var id: LenientString? { get }
}

/// `data` of a page. Its end is given by `total` (documentation) or by `has_more` (newer clients), either of which may
/// be missing.
struct WaveSpeedPage<Row: WaveSpeedRow>: Decodable {
    let items: RequiredArray<Row>
    let total: Decoration<LenientInt>
    let has_more: Decoration<LenientFlag>
}

/// The fields that a query for a page adds to its filters.
private struct PagedQuery<Filters: Encodable>: Encodable {
    let filters: Filters
    let page: Int

    private enum CodingKeys: String, CodingKey {
        case page, page_size
    }

    func encode(to encoder: any Encoder) throws {
        try filters.encode(to: encoder)
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(page, forKey: .page)
        try fields.encode(WaveSpeedPages.size, forKey: .page_size)
    }
}

/// Reads lists page by page, within an allowance of pages.
struct WaveSpeedPages {
    /// The documented maximum of `page_size`.
    static let size = 100

    let api: any UpstreamAPI
    /// The path, and the name of the endpoint in messages.
    let path: String
    let endpoint: String
    /// Whether the source works without the list, so that the end of the endpoint is not the source's.
    let isIncidental: Bool
    /// The number of pages that may still be read.
    private(set) var allowance: Int

    init(api: any UpstreamAPI, path: String, endpoint: String, isIncidental: Bool = false, allowance: Int) {
        self.api = api
        self.path = path
        self.endpoint = endpoint
        self.isIncidental = isIncidental
        self.allowance = allowance
    }

    /// Returns all rows of a list, each once; nil if it has more pages than the allowance, or than `most`.
    ///
    /// - Parameter check: throws for rows that the filters exclude. It is called before a total is believed.
    /// - Throws: if the list ends before its total, or does not advance: a partial list is not a figure.
    mutating func rows<Row: WaveSpeedRow>(
        of type: Row.Type, matching filters: some Encodable, most: Int = .max, _ context: any SyncContext,
        check: ([Row]) throws -> Void = { _ in }
    ) async throws -> [Row]? {
        var rows: [Row] = []
        var ids: Set<String> = []
        var left = min(most, allowance)
        for page in 1... {
            guard left > 0 else { return nil }
            left -= 1
            allowance -= 1
            let body = try JSONEncoder().encode(PagedQuery(filters: filters, page: page))
            let call = UpstreamCall(.post, path, jsonBody: Array(body))
            let response = try await api.send(isIncidental ? call.incidental : call)
            let data = try WaveSpeedEnvelope<WaveSpeedPage<Row>>.payload(of: response, from: endpoint) {
                context.remark($0)
            }
            let found = data.items.values
            try check(found)
            let new = found.filter { row in row.id.map { ids.insert($0.whole).inserted } ?? true }
            rows += new
            let isLast: Bool
            if let hasMore = data.has_more.value?.value {
                isLast = !hasMore
            } else if let total = data.total.value?.value {
                isLast = rows.count >= total
            } else {
                isLast = found.count < Self.size
            }
            if let total = data.total.value?.value {
                guard !isLast || rows.count >= total else {
                    throw SourceFailure(
                        .decode, "\(endpoint) ended after \(rows.count) rows, but its total is \(total)")
                }
                // A list that does not fit costs only its first page.
                guard total - rows.count <= left * Self.size else { return nil }
            }
            if isLast { return rows }
            guard !new.isEmpty else {
                throw SourceFailure(.decode, "page \(page) of \(endpoint) has no new rows, but is not its last page")
            }
        }
        return rows
    }
}
