import Upstream
import UsageModel

/// A page of `GET /api/v1/billing/usage`. `warningMessage` is not read.
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
    /// Nil on the last page.
    let nextCursor: LenientString?
    /// Whether the response has `nextCursor`, including null.
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

/// The position of a page: from the body's `pagination`, else from the `x-pagination-*` header fields.
struct VenicePagePlace {
    let page: Int?
    let total: Int?
    let totalPages: Int?
    /// The maximum number of rows of a page; the API may allow fewer than requested.
    let limit: Int

    init(_ pagination: VenicePage.Pagination?, _ headers: UpstreamHeaders, requested: Int) {
        func field(_ name: String) -> Int? {
            // Limited, because differences of numbers at the end of the range would trap.
            headers.first(name: "x-pagination-\(name)").flatMap { Int($0) }.flatMap {
                LenientDecimal.isPlausible($0) ? $0 : nil
            }
        }
        page = pagination?.page?.value ?? field("page")
        // A negative total is ignored: it is invalid, and the difference of two such totals could overflow.
        total = (pagination?.total?.value ?? field("total")).flatMap { $0 < 0 ? nil : $0 }
        totalPages = pagination?.totalPages?.value ?? field("total-pages") ?? field("totalpages")
        let granted = pagination?.limit.value?.value ?? field("limit") ?? requested
        limit = (1...requested).contains(granted) ? granted : requested
    }
}

/// Joins numbered pages and determines the last one, although rows may be inserted late into pages already read.
///
/// An inserted row shifts the last rows of a page to the top of the next page. The growth of the total limits the
/// number of shifted rows, and comparing the rows gives the exact number. The inserted rows are found at the slice's
/// next read.
///
/// If a row with an inference id repeats without such a shift, it is either one of several equal charges of that
/// inference (a twin), or a sign of a repeated or shifted page, which skipped other rows. A twin repeats in every
/// traversal.
struct VenicePageJoint {
    private var last: [VeniceRow] = []
    private var total: Int?
    /// The number of rows of all pages so far, including repeated ones: the number of the total's positions read.
    private var received = 0
    /// The hashes of all rows so far with an inference id.
    private var seen: Set<Int> = []
    private let twins: Set<VeniceRow>

    /// Creates a sequence without pages.
    ///
    /// - Parameter twins: the rows that are known to be twins.
    init(twins: Set<VeniceRow>) {
        self.twins = twins
    }

    /// Returns the rows of the next page that no earlier page had.
    ///
    /// - Throws: `VenicePager.Broken` if rows were removed, because other rows were then skipped, if more rows were
    ///   inserted than a page has, or if rows repeat although the total did not grow; `SourceFailure` if the page
    ///   equals the page before it.
    mutating func join(_ rows: [VeniceRow], total newTotal: Int?) throws -> [VeniceRow] {
        let growth = total.flatMap { before in newTotal.map { $0 - before } }
        if let growth, growth < 0 {
            throw VenicePager.Broken(message: "rows disappeared from usage while its pages were read")
        }
        if let growth, growth > last.count, !last.isEmpty {
            throw VenicePager.Broken(message: "usage grew by more than a page while its pages were read")
        }
        if !rows.isEmpty, rows == last {
            throw SourceFailure(.decode, "usage returned the same page of billing rows twice")
        }
        // Without a total, only rows with an inference id can be distinguished from further equal charges.
        let most = growth ?? rows.prefix { $0.isIdentified }.count
        let fresh = Array(rows.dropFirst(Self.overlap(of: last, and: rows, most: most)))
        let identified = fresh.filter(\.isIdentified)
        let again = Set(identified.filter { seen.contains($0.hashValue) })
        if again.count > 1 || !again.isSubset(of: twins) {
            throw VenicePager.Broken(
                message: "usage repeated rows although its total did not grow",
                twin: again.count == 1 ? again.first : nil)
        }
        seen.formUnion(identified.map(\.hashValue))
        received += rows.count
        last = rows
        total = newTotal ?? total
        return fresh
    }

    /// Returns whether the page that was joined last is the end. If there is a total, it must be reached.
    ///
    /// - Throws: `SourceFailure` if rows are missing and the page is empty; `VenicePager.Broken` if rows exceed the
    ///   total.
    func isComplete(at number: Int, _ place: VenicePagePlace) throws -> Bool {
        guard let total else { return try isComplete(at: number, of: place.totalPages, limit: place.limit) }
        if received > total {
            throw VenicePager.Broken(message: "usage has more rows than its total of \(total)")
        }
        if last.isEmpty, received < total {
            throw SourceFailure(.decode, "usage ends after \(received) of \(total) billing rows")
        }
        let isLastPage = place.totalPages.map { number >= $0 } ?? true
        return received == total && (last.isEmpty || isLastPage)
    }

    /// Decides without a total: by the number of pages, else by a page that is not full.
    private func isComplete(at number: Int, of pages: Int?, limit: Int) throws -> Bool {
        guard let pages else { return last.count < limit }
        if last.isEmpty, number > 1, number <= pages {
            throw SourceFailure(.decode, "page \(number) of \(pages) of usage is empty")
        }
        if !last.isEmpty, number > pages {
            throw VenicePager.Broken(message: "usage has more pages than its total of \(pages)")
        }
        return number >= pages
    }

    /// Returns how many rows at the end of one page repeat at the start of the next, at most the given number.
    private static func overlap(of last: [VeniceRow], and rows: [VeniceRow], most: Int) -> Int {
        let most = min(most, rows.count, last.count)
        return stride(from: most, to: 0, by: -1).first { last.suffix($0).elementsEqual(rows.prefix($0)) } ?? 0
    }

    /// Returns whether a page of a sequence that never shifts starts with rows of the previous page.
    static func repeats(_ last: [VeniceRow], in rows: [VeniceRow]) -> Bool {
        if !rows.isEmpty, rows == last { return true }
        let most = rows.prefix { $0.isIdentified }.count
        // A single row may be a twin.
        return Set(rows.prefix(overlap(of: last, and: rows, most: most))).count > 1
    }
}
