import UsageModel
import Upstream

/// A page of `GET /api/v1/billing/usage`. `warningMessage` is for people and is not read.
struct VenicePage: Decodable {
    struct Pagination: Decodable {
        let page: LenientInt?
        let limit: Decoration<LenientInt>
        let total: LenientInt?
        let totalPages: LenientInt?
    }

    let data: BoundedArray<VeniceRow>
    let pagination: Pagination?
}

/// A page of `GET /api/v1/billing/usage-history`.
struct VeniceCursorPage: Decodable {
    let data: BoundedArray<VeniceRow>
    /// Nil at the end.
    let nextCursor: LenientString?
    /// Whether the response has `nextCursor`, if only as null.
    let hasNextCursor: Bool

    private enum CodingKeys: String, CodingKey {
        case data, nextCursor
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        data = try container.decode(BoundedArray<VeniceRow>.self, forKey: .data)
        nextCursor = try container.decodeIfPresent(LenientString.self, forKey: .nextCursor)
        hasNextCursor = container.contains(.nextCursor)
    }
}

/// Where a page lies: from the body's `pagination`, else from the `x-pagination-*` header fields.
struct VenicePagePlace {
    let page: Int?
    let total: Int?
    let totalPages: Int?
    /// The most rows of a page: the API may grant fewer than were requested.
    let limit: Int

    init(_ pagination: VenicePage.Pagination?, _ headers: UpstreamHeaders, requested: Int) {
        func field(_ name: String) -> Int? {
            // Differences are taken of it: a number at the end of the range would end the program.
            headers.first(name: "x-pagination-\(name)").flatMap { Int($0) }.flatMap {
                LenientDecimal.isPlausible($0) ? $0 : nil
            }
        }
        page = pagination?.page?.value ?? field("page")
        // Below zero it is no number of rows, and the growth between two such totals need not fit a number.
        total = (pagination?.total?.value ?? field("total")).flatMap { $0 < 0 ? nil : $0 }
        totalPages = pagination?.totalPages?.value ?? field("total-pages") ?? field("totalpages")
        let granted = pagination?.limit.value?.value ?? field("limit") ?? requested
        limit = (1...requested).contains(granted) ? granted : requested
    }
}
