import Upstream
import UsageModel

/// The billing rows of a span of time, page by page in order of time.
struct VenicePager {
    /// What made it useless to go on: the walk has to begin anew.
    struct Broken: Error {
        /// What happened, in plain words.
        let message: String
        /// The row that came again, where no other did.
        var twin: VeniceRow?
    }

    private enum Position {
        case page(Int)
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
    private let context: any SyncContext
    private var position: Position
    private var joint: VenicePageJoint
    private var seenCursors: Set<String> = []
    /// The last page's rows at the endpoint with a cursor.
    private var lastRows: [VeniceRow] = []
    private var pages = 0
    private var rows = 0

    /// A walk through a span whose end stays fixed, so that rows that arrive meanwhile lie behind it.
    ///
    /// - Parameter twins: the rows that broke earlier walks by coming again, often enough to be equal charges.
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
        case .page(let number):
            return try await page(number)
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

    private mutating func page(_ number: Int) async throws -> [VeniceRow] {
        // `currency` is left out: all are wanted.
        let answer = try await api.send(
            UpstreamCall(
                .get, path,
                query: [
                    ("limit", "\(Self.pageLimit)"), ("page", "\(number)"), ("sortOrder", "asc"),
                    ("startDate", "\(span.start)"), ("endDate", "\(span.end)"),
                ]), telling: context)
        let page = try JSONBody.decode(VenicePage.self, from: answer)
        let place = VenicePagePlace(page.pagination, answer.headers, requested: Self.pageLimit)
        if let answered = place.page, answered != number {
            throw SourceFailure(.decode, "usage answered with page \(answered) where page \(number) was asked for")
        }
        let fresh = try joint.join(page.data.values, total: place.total)
        position = try joint.isComplete(at: number, place) ? .end : .page(number + 1)
        return fresh
    }

    private mutating func cursorPage(_ query: [(name: String, value: String)]) async throws -> [VeniceRow] {
        let answer = try await api.send(UpstreamCall(.get, path, query: query), telling: context)
        let page = try JSONBody.decode(VeniceCursorPage.self, from: answer)
        let rows = page.data.values
        guard !VenicePageJoint.repeats(lastRows, in: rows) else {
            throw Broken(message: "usage-history repeated rows of the page before")
        }
        lastRows = rows
        guard page.hasNextCursor || rows.count < Self.cursorPageSize else {
            throw SourceFailure(.decode, "usage-history gave a full page without `nextCursor`")
        }
        guard let cursor = page.nextCursor?.whole, !cursor.isEmpty else {
            position = .end
            return rows
        }
        guard seenCursors.insert(cursor).inserted else {
            throw Broken(message: "usage-history gave a cursor for the second time")
        }
        position = .cursor(cursor)
        return rows
    }
}

/// The runs of hours that one sync reads, each by one query: adjoining hours of one UTC day, the oldest hour first.
///
/// Runs come newest first. A run that could not be read is halved and read after the others, so that an unreadable hour
/// stops only itself; the hours that were read leave the schedule, and later syncs query only the unreadable one.
struct VeniceRuns {
    /// The most runs that one sync halves: enough to find one hour among 24. Each costs two further queries.
    static let mostSplits = 6

    private var whole: [[SliceID]]
    private var halves: [[SliceID]] = []
    private var splits = 0

    /// Runs of the given hours.
    init(_ slices: [SliceID]) {
        whole = Self.runs(slices)
    }

    /// Adds hours to the runs that were not taken yet.
    mutating func add(_ slices: [SliceID]) {
        guard !slices.isEmpty else { return }
        whole = Self.runs(Array(Set(whole.joined()).union(slices)))
    }

    /// Takes the next run; nil at the end.
    mutating func next() -> [SliceID]? {
        if !whole.isEmpty { return whole.removeFirst() }
        return halves.isEmpty ? nil : halves.removeFirst()
    }

    /// Schedules the halves of a run that could not be read; returns whether it could be halved.
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
