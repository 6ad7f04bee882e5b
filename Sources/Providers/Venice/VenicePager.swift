import Upstream
import UsageModel

/// Reads the billing rows of a period page by page, in chronological order.
struct VenicePager {
    /// An inconsistency between pages, after which the traversal must restart.
    struct Broken: Error {
        /// A description of the inconsistency.
        let message: String
        /// The repeated row, if it is the only one.
        var twin: VeniceRow?
    }

    private enum Position {
        case page(Int)
        case first
        case cursor(String)
        case end
    }

    /// The documented maximum: "Number of items per page … 0 < x <= 500".
    static let pageLimit = 500
    /// The maximum of `pageSize`; the API allows 10 to 1000.
    static let cursorPageSize = 1000
    /// The maximum number of pages for one traversal, which covers at most a day: ten million rows.
    static let longest = 10_000
    /// The number of pages from which on the average must be ten rows; otherwise the API's pagination is faulty.
    static let thinPages = 100

    private let path: String
    private let span: Period
    private let api: any UpstreamAPI
    private let context: any SyncContext
    private var position: Position
    private var joint: VenicePageJoint
    private var seenCursors: Set<String> = []
    /// The rows of the last page at the endpoint with a cursor.
    private var lastRows: [VeniceRow] = []
    private var pages = 0
    private var rows = 0

    /// Creates a traversal of a period with a fixed end, so that rows that arrive meanwhile lie after it.
    ///
    /// - Parameter twins: the rows that repeated in several earlier traversals and so must be equal charges.
    init(
        at endpoint: VeniceEndpoint, over span: Period, twins: Set<VeniceRow>, api: any UpstreamAPI,
        context: any SyncContext
    ) {
        path = endpoint.path
        position = endpoint == .pages ? .page(1) : .first
        joint = VenicePageJoint(twins: twins)
        self.span = span
        self.api = api
        self.context = context
    }

    /// Returns the rows of the next page; nil at the end.
    ///
    /// - Throws: `Broken`, or the error of the call.
    mutating func next() async throws -> [VeniceRow]? {
        pages += 1
        guard pages <= Self.longest else {
            throw SourceFailure(.decode, "the billing rows of a day have more than \(Self.longest) pages")
        }
        guard pages <= Self.thinPages || rows >= pages * 10 else {
            throw SourceFailure(.decode, "\(pages - 1) billing pages held only \(rows) rows, and more follow")
        }
        let found = try await read()
        rows += found?.count ?? 0
        return found
    }

    private mutating func read() async throws -> [VeniceRow]? {
        switch position {
        case .end:
            return nil
        case .page(let number):
            return try await page(number)
        case .first:
            return try await cursorPage([
                ("startTimestamp", "\(span.start)"), ("endTimestamp", "\(span.end)"),
                ("pageSize", "\(Self.cursorPageSize)"),
            ])
        case .cursor(let cursor):
            do {
                // The API rejects any other parameter next to the cursor.
                return try await cursorPage([("cursor", cursor)])
            } catch let failure as UpstreamFailure where failure.status == 400 {
                throw Broken(message: "the API rejected its own cursor: \(failure.message)")
            }
        }
    }

    private mutating func page(_ number: Int) async throws -> [VeniceRow] {
        // Without `currency`, the API returns all currencies.
        let response = try await api.send(
            UpstreamCall(
                .get, path,
                query: [
                    ("limit", "\(Self.pageLimit)"), ("page", "\(number)"), ("sortOrder", "asc"),
                    ("startDate", "\(span.start)"), ("endDate", "\(span.end)"),
                ]))
        let page = try JSONBody.decode(VenicePage.self, from: response)
        let place = VenicePagePlace(page.pagination, response.headers, requested: Self.pageLimit)
        if let returned = place.page, returned != number {
            throw SourceFailure(.decode, "usage returned page \(returned) instead of page \(number)")
        }
        let fresh = try joint.join(page.data.values, total: place.total)
        position = try joint.isComplete(at: number, place) ? .end : .page(number + 1)
        return fresh
    }

    private mutating func cursorPage(_ query: [(name: String, value: String)]) async throws -> [VeniceRow] {
        let response = try await api.send(UpstreamCall(.get, path, query: query))
        let page = try JSONBody.decode(VeniceCursorPage.self, from: response)
        let rows = page.data.values
        guard !VenicePageJoint.repeats(lastRows, in: rows) else {
            throw Broken(message: "usage-history repeated rows of the previous page")
        }
        lastRows = rows
        guard page.hasNextCursor || rows.count < Self.cursorPageSize else {
            throw SourceFailure(.decode, "usage-history returned a full page without `nextCursor`")
        }
        guard let cursor = page.nextCursor?.whole, !cursor.isEmpty else {
            position = .end
            return rows
        }
        guard seenCursors.insert(cursor).inserted else {
            throw Broken(message: "usage-history returned a cursor twice")
        }
        position = .cursor(cursor)
        return rows
    }
}

/// The runs of hours that one sync reads with one query each: adjoining hours of one UTC day, oldest first.
///
/// Runs come newest first. A run that could not be read is halved and read after the others, so that an unreadable hour
/// blocks only itself. The hours that were read leave the schedule, and later syncs query only the unreadable one.
struct VeniceRuns {
    /// The maximum number of runs that one sync halves: enough to find one hour among 24. Each costs two more queries.
    static let mostSplits = 6

    private var whole: [[SliceID]]
    private var halves: [[SliceID]] = []
    private var splits = 0

    init(_ slices: [SliceID]) {
        whole = Self.runs(slices)
    }

    /// Adds hours to the runs that were not taken yet.
    mutating func add(_ slices: [SliceID]) {
        guard !slices.isEmpty else { return }
        whole = Self.runs(Array(Set(whole.joined()).union(slices)))
    }

    /// Removes and returns the next run; nil at the end.
    mutating func next() -> [SliceID]? {
        if !whole.isEmpty { return whole.removeFirst() }
        return halves.isEmpty ? nil : halves.removeFirst()
    }

    /// Schedules the halves of a run that could not be read. Returns whether it could be halved.
    mutating func split(_ run: [SliceID]) -> Bool {
        guard run.count > 1, splits < Self.mostSplits else { return false }
        splits += 1
        let middle = run.count / 2
        halves += [Array(run[middle...]), Array(run[..<middle])]
        return true
    }

    private static func runs(_ slices: [SliceID]) -> [[SliceID]] {
        var runs: [[SliceID]] = []
        for slice in slices.sorted(by: { $0.period.start < $1.period.start }) {
            if let last = runs.last?.last, last.period.end == slice.period.start,
                last.period.start.day == slice.period.start.day
            {
                runs[runs.count - 1].append(slice)
            } else {
                runs.append([slice])
            }
        }
        return runs.reversed()
    }
}
