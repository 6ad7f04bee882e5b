import Upstream
import UsageModel

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

/// Joins numbered pages to one sequence although rows may be posted late, into pages that were read already, and decides
/// which page is the last.
///
/// Such a row pushes the last rows of a page to the top of the next. The total says how many there are at most, and
/// the rows themselves say how many it was. What was pushed in is found at the slice's next reading.
///
/// A row that names its inference and comes again without such a push is one of several equal charges of that inference
/// (a twin), or a sign of a page that was repeated or shifted, which left out other rows. A twin comes again in every
/// walk.
struct VenicePageJoint {
    private var last: [VeniceRow] = []
    private var total: Int?
    /// The rows of all pages so far, repeated ones included: that many of the total's positions were read.
    private var received = 0
    /// The hashes of all rows so far that name their inference.
    private var seen: Set<Int> = []
    private let twins: Set<VeniceRow>

    /// A sequence without pages so far.
    ///
    /// - Parameter twins: the rows that are known to be twins.
    init(twins: Set<VeniceRow>) {
        self.twins = twins
    }

    /// The rows of the next page that no earlier page had.
    ///
    /// - Throws: `VenicePager.Broken` where rows were taken away, since others then slipped past unread, where more came
    ///   than a page holds, or where rows come again although the total did not grow; `SourceFailure` where the page
    ///   repeats the whole page before it.
    mutating func join(_ rows: [VeniceRow], total newTotal: Int?) throws -> [VeniceRow] {
        let growth = total.flatMap { before in newTotal.map { $0 - before } }
        if let growth, growth < 0 {
            throw VenicePager.Broken(message: "rows disappeared from usage while its pages were read")
        }
        if let growth, growth > last.count, !last.isEmpty {
            throw VenicePager.Broken(message: "usage grew by more than a page while its pages were read")
        }
        if !rows.isEmpty, rows == last {
            throw SourceFailure(.decode, "usage gave the same page of billing rows twice")
        }
        // Without a total only rows that name their inference can be distinguished from further charges like them.
        let most = growth ?? rows.prefix { $0.isIdentified }.count
        let fresh = Array(rows.dropFirst(Self.overlap(of: last, and: rows, most: most)))
        let identified = fresh.filter(\.isIdentified)
        let again = Set(identified.filter { seen.contains($0.hashValue) })
        if again.count > 1 || !again.isSubset(of: twins) {
            throw VenicePager.Broken(
                message: "usage gave rows again although its total did not grow",
                twin: again.count == 1 ? again.first : nil)
        }
        seen.formUnion(identified.map(\.hashValue))
        received += rows.count
        last = rows
        total = newTotal ?? total
        return fresh
    }

    /// Whether the page that was joined last is the end: where there is a total, only once it is reached.
    ///
    /// - Throws: `SourceFailure` where rows are missing and the page is empty; `VenicePager.Broken` where there are more
    ///   rows than the total says.
    func isComplete(at number: Int, _ place: VenicePagePlace) throws -> Bool {
        guard let total else { return try isComplete(at: number, of: place.totalPages, limit: place.limit) }
        if received > total {
            throw VenicePager.Broken(message: "usage has more than the \(total) rows that it says it has")
        }
        if last.isEmpty, received < total {
            throw SourceFailure(.decode, "usage ends after \(received) of \(total) billing rows")
        }
        let isLastPage = place.totalPages.map { number >= $0 } ?? true
        return received == total && (last.isEmpty || isLastPage)
    }

    /// The same without a total: by the number of pages, else by a page that is not full.
    private func isComplete(at number: Int, of pages: Int?, limit: Int) throws -> Bool {
        guard let pages else { return last.count < limit }
        if last.isEmpty, number > 1, number <= pages {
            throw SourceFailure(.decode, "page \(number) of \(pages) of usage is empty")
        }
        if !last.isEmpty, number > pages {
            throw VenicePager.Broken(message: "usage has more than the \(pages) pages that it says it has")
        }
        return number >= pages
    }

    /// How many rows at the end of one page come again at the beginning of the next, at most the given number.
    private static func overlap(of last: [VeniceRow], and rows: [VeniceRow], most: Int) -> Int {
        let most = min(most, rows.count, last.count)
        return stride(from: most, to: 0, by: -1).first { last.suffix($0).elementsEqual(rows.prefix($0)) } ?? 0
    }

    /// Whether a page of a sequence that never shifts begins with rows of the page before.
    static func repeats(_ last: [VeniceRow], in rows: [VeniceRow]) -> Bool {
        if !rows.isEmpty, rows == last { return true }
        let most = rows.prefix { $0.isIdentified }.count
        // One row alone may be a twin.
        return Set(rows.prefix(overlap(of: last, and: rows, most: most))).count > 1
    }
}
