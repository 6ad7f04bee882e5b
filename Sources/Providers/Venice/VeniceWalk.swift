import UsageModel
import Upstream

/// The billing rows of a span of time, page by page in order of time.
struct VeniceWalk {
    /// What made it useless to go on: the walk has to begin anew.
    struct Broken: Error {
        /// What happened, in plain words.
        let message: String
    }

    private enum Position {
        case page(Int, VenicePageJoint)
        case first
        case cursor(String)
        case end
    }

    /// "Number of items per page … 0 < x <= 500".
    static let pageLimit = 500
    /// `pageSize` is 10 to 1000.
    static let cursorPageSize = 1000
    /// The most pages of one walk, which is a day at most: ten million rows.
    static let longest = 10_000
    /// Pages that may hold fewer than ten rows on average: more of them come from an API that has lost its way.
    static let thinPages = 100

    private let path: String
    private let span: Period
    private let api: any UpstreamAPI
    private let visit: any SyncVisit
    private var position: Position
    private var seenCursors: Set<String> = []
    private var pages = 0
    private var rows = 0

    /// A walk through a span whose end stays fixed, so that rows that arrive meanwhile lie behind it.
    init(at endpoint: VeniceEndpoint, over span: Period, api: any UpstreamAPI, visit: any SyncVisit) {
        path = endpoint.path
        position = endpoint == .pages ? .page(1, VenicePageJoint()) : .first
        self.span = span
        self.api = api
        self.visit = visit
    }

    /// The next page's rows; nil at the end.
    ///
    /// - Throws: `Broken`, or what the call throws.
    mutating func next() async throws -> [VeniceRow]? {
        pages += 1
        guard pages <= Self.longest else {
            throw SourceFailure(.decode, "the billing rows of a day go on past \(Self.longest) pages")
        }
        guard pages <= Self.thinPages || rows >= pages * 10 else {
            throw SourceFailure(.decode, "\(pages - 1) pages of billing held only \(rows) rows, and there are more")
        }
        let found = try await read()
        rows += found?.count ?? 0
        return found
    }

    private mutating func read() async throws -> [VeniceRow]? {
        switch position {
        case .end:
            return nil
        case .page(let number, let joint):
            return try await page(number, joint)
        case .first:
            return try await cursorPage([
                ("startTimestamp", "\(span.start)"), ("endTimestamp", "\(span.end)"),
                ("pageSize", "\(Self.cursorPageSize)"),
            ])
        case .cursor(let cursor):
            do {
                // Any other parameter beside the cursor is refused.
                return try await cursorPage([("cursor", cursor)])
            } catch let failure as UpstreamFailure where failure.status == 400 {
                throw Broken(message: "the API refused its own cursor: \(failure.message)")
            }
        }
    }

    private mutating func page(_ number: Int, _ earlier: VenicePageJoint) async throws -> [VeniceRow] {
        // `currency` is left out: all are wanted.
        let answer = try await api.send(
            UpstreamCall(
                .get, path,
                query: [
                    ("limit", "\(Self.pageLimit)"), ("page", "\(number)"), ("sortOrder", "asc"),
                    ("startDate", "\(span.start)"), ("endDate", "\(span.end)"),
                ]), telling: visit)
        let page = try JSONBody.decode(VenicePage.self, from: answer)
        let place = VenicePagePlace(page.pagination, answer.headers)
        if let answered = place.page, answered != number {
            throw SourceFailure(.decode, "usage answered with page \(answered) where page \(number) was asked for")
        }
        let rows = page.data.values
        var joint = earlier
        let fresh = try joint.join(rows, total: place.total)
        let isLast = place.totalPages.map { number >= $0 } ?? (rows.count < Self.pageLimit)
        position = rows.isEmpty || isLast ? .end : .page(number + 1, joint)
        return fresh
    }

    private mutating func cursorPage(_ query: [(name: String, value: String)]) async throws -> [VeniceRow] {
        let answer = try await api.send(UpstreamCall(.get, path, query: query), telling: visit)
        let page = try JSONBody.decode(VeniceCursorPage.self, from: answer)
        guard let cursor = page.nextCursor?.whole, !cursor.isEmpty else {
            position = .end
            return page.data.values
        }
        guard seenCursors.insert(cursor).inserted else {
            throw Broken(message: "usage-history gave a cursor for the second time")
        }
        position = .cursor(cursor)
        return page.data.values
    }
}

/// Where a page lies: from the body's `pagination`, else from the `x-pagination-*` header fields.
struct VenicePagePlace {
    let page: Int?
    let total: Int?
    let totalPages: Int?

    init(_ pagination: VenicePage.Pagination?, _ headers: UpstreamHeaders) {
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
    }
}

/// Joins numbered pages to one sequence although rows may be posted late, into pages that were read already.
///
/// Such a row pushes the last rows of a page to the top of the next. The total says how many there are at most, and
/// the rows themselves say how many it was. What was pushed in is found at the slice's next reading.
struct VenicePageJoint {
    private var last: [VeniceRow] = []
    private var total: Int?

    /// The rows of the next page that no earlier page had.
    ///
    /// - Throws: `VeniceWalk.Broken` where rows were taken away, since others then slipped past unread, or where more
    ///   came than a page holds.
    mutating func join(_ rows: [VeniceRow], total newTotal: Int?) throws -> [VeniceRow] {
        let growth = total.flatMap { before in newTotal.map { $0 - before } } ?? 0
        if growth < 0 { throw VeniceWalk.Broken(message: "rows disappeared from usage while its pages were read") }
        if growth > last.count, !last.isEmpty {
            throw VeniceWalk.Broken(message: "usage grew by more than a page while its pages were read")
        }
        let most = min(growth, rows.count)
        let repeated = stride(from: most, to: 0, by: -1).first { last.suffix($0).elementsEqual(rows.prefix($0)) } ?? 0
        last = rows
        total = newTotal ?? total
        return Array(rows.dropFirst(repeated))
    }
}
