import Upstream
import UsageModel

/// A page of a list. Usage and cost continue at `next_page`, other lists after the id of their last entry.
struct OpenAIPage<Item: Decodable>: Decodable {
    let data: BoundedArray<Item>
    let has_more: LenientFlag?
    let next_page: LenientString?
    let last_id: LenientString?
}

/// The two ways in which OpenAI's lists continue.
enum OpenAICursor: String {
    /// The parameter of usage and cost.
    case page
    /// The parameter of all other lists.
    case after
}

/// Reads the pages of a list up to its end. A list whose end is not known is a failure, because its beginning would be
/// read as all of it.
struct OpenAIPager {
    let api: any UpstreamAPI
    let path: String
    let query: [(name: String, value: String)]
    let cursor: OpenAICursor

    /// The maximum number of pages, so that a list that never ends is a failure.
    static let mostPages = 200
    /// The maximum size of all pages in bytes, four times that of one.
    private static let mostBytes = 4 * UpstreamCall.ordinaryAnswer

    /// Reads the entries of all pages.
    ///
    /// - Returns: the entries, and whether the last page states that it is the last.
    /// - Throws: `UpstreamFailure` with the reason `decode` if a page or all of them are too large, or a page is not JSON.
    func read<Item: Decodable>(
        _ item: Item.Type, _ context: any SyncContext
    ) async throws -> (items: [Item], isWhole: Bool) {
        var items: [Item] = []
        var seen: Set<String> = []
        var position: String?
        var size = 0
        for _ in 0..<Self.mostPages {
            let response = try await api.send(call(at: position))
            size += response.body.count
            guard size <= Self.mostBytes else {
                throw UpstreamFailure(
                    reason: .decode, status: response.status,
                    message: "the pages of \(path) exceed the limit of \(Self.mostBytes) bytes")
            }
            // Invalid text in a bucket would otherwise be a failure of its day with another message.
            try JSONBody.checkEncoding(of: response)
            let page = try JSONBody.decode(OpenAIPage<Item>.self, from: response) { context.remark($0) }
            items += page.data.values
            guard let next = try next(after: page) else { return (items, page.has_more != nil) }
            guard seen.insert(next).inserted else {
                throw SourceFailure(.decode, "\(path) repeated a cursor, so that its list has no end")
            }
            position = next
        }
        throw SourceFailure(.decode, "\(path) has more than \(Self.mostPages) pages")
    }

    private func call(at position: String?) -> UpstreamCall {
        OpenAI.call(path, query: query + (position.map { [(name: cursor.rawValue, value: $0)] } ?? []))
    }

    private func next<Item>(after page: OpenAIPage<Item>) throws -> String? {
        guard page.has_more?.value ?? (page.next_page != nil) else { return nil }
        let next = cursor == .page ? page.next_page : page.last_id
        guard let next, !next.whole.isEmpty else {
            let member = cursor == .page ? "next_page" : "last_id"
            throw SourceFailure(.decode, "\(path) has more pages (has_more), but no \(member)")
        }
        return next.whole
    }
}

/// A row of usage or cost.
protocol OpenAIRow: Decodable {
    /// The values of its dimensions, by which rows of a day differ; nil for one that was not requested.
    var group: [String?] { get }
}

extension Sequence where Element: OpenAIRow {
    /// Whether two rows have the same dimensions: a page may have been repeated.
    var hasRepeats: Bool {
        var groups: Set<[String?]> = []
        return !allSatisfy { groups.insert($0.group).inserted }
    }
}

/// The rows of one UTC day.
struct OpenAIBucket<Row: OpenAIRow>: Decodable {
    let start: Timestamp
    let end: Timestamp?
    /// A day with rows that cannot be decoded is a failure of this day only.
    let rows: Result<[Row], SourceFailure>

    private enum CodingKeys: String, CodingKey {
        case start_time, end_time, results
        /// The name of `results` in the first version of the documentation.
        case result
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        start = try fields.decode(LenientTimestamp.self, forKey: .start_time).value
        end = try fields.decodeIfPresent(LenientTimestamp.self, forKey: .end_time)?.value
        let name = fields.contains(.result) && !fields.contains(.results) ? CodingKeys.result : .results
        do {
            rows = .success(try fields.decode(BoundedArray<Row>.self, forKey: name).values)
        } catch {
            rows = .failure(JSONBody.failure(of: error))
        }
    }
}

/// The rows of `costs` or of an endpoint of `usage`, by UTC day.
struct OpenAIDays<Row: OpenAIRow> {
    private let path: String
    /// Whether the last page states that it is the last, so that a day that is not listed has no rows.
    private var isWhole: Bool
    private var rows: [UTCDay: [Row]] = [:]
    private var failures: [UTCDay: SourceFailure] = [:]

    /// Sorts buckets by day. The rows of a day that is on two pages are joined; days that were not queried are ignored.
    ///
    /// - Parameters:
    ///   - isWhole: whether the last page states that it is the last.
    ///   - now: the time of the request.
    init(
        path: String, _ buckets: [OpenAIBucket<Row>], isWhole: Bool, of days: ClosedRange<UTCDay>, now: Timestamp
    ) {
        self.path = path
        self.isWhole = isWhole
        for bucket in buckets where days.contains(bucket.start.day) {
            let day = bucket.start.day
            // The day that is not over may be cut at the time of the request.
            let isWhole = bucket.end == day.period.end
            let isCut = bucket.end.map { now < day.period.end && bucket.start < $0 && $0 < day.period.end } ?? false
            guard bucket.start == day.start, isWhole || isCut else {
                let end = bucket.end.map(\.description) ?? "an unknown time"
                failures[day] = SourceFailure(
                    .decode, "a bucket from \(bucket.start) to \(end) is not a UTC day")
                continue
            }
            switch bucket.rows {
            case .success(let more):
                let groups = Set(rows[day, default: []].map(\.group))
                if more.contains(where: { groups.contains($0.group) }) {
                    failures[day] = SourceFailure(.decode, "the day and the same rows are on two pages")
                }
                rows[day, default: []] += more
            case .failure(let failure): failures[day] = failure
            }
        }
    }

    mutating func merge(_ other: OpenAIDays) {
        isWhole = isWhole && other.isWhole
        rows.merge(other.rows) { $0 + $1 }
        failures.merge(other.failures) { first, _ in first }
    }

    /// Returns the rows of a day; nil if the day is not listed. Whether a day without usage is listed is not documented.
    ///
    /// - Throws: `SourceFailure` if the day cannot be decoded, or is over and not listed by a response that may have more
    ///   pages.
    func rows(of day: UTCDay, now: Timestamp) throws -> [Row]? {
        if let failure = failures[day] { throw SourceFailure(failure.reason, "\(path), \(day): \(failure.message)") }
        if let rows = rows[day] { return rows }
        guard !isWhole, day.period.end <= now else { return nil }
        throw SourceFailure(.decode, "\(path) does not list \(day), nor state that it has no more pages (has_more)")
    }
}

/// A query of `costs` or of an endpoint of `usage` by UTC day.
struct OpenAIQuery {
    let api: any UpstreamAPI
    let path: String
    /// The dimensions of the rows. All others are null.
    var groups: [String] = []
    let projects: [String]

    /// Reads a range of days. If the response is too large, or is not JSON, halves of the range are read, the newer one
    /// first, which fails at once if its newest day cannot be read either.
    func read<Row: OpenAIRow>(
        _ days: ClosedRange<UTCDay>, _ row: Row.Type, _ context: any SyncContext
    ) async throws -> OpenAIDays<Row> {
        let now = context.now
        let pager = OpenAIPager(api: api, path: path, query: query(days, now: now), cursor: .page)
        do {
            let (buckets, isWhole) = try await pager.read(OpenAIBucket<Row>.self, context)
            return OpenAIDays(path: path, buckets, isWhole: isWhole, of: days, now: now)
        } catch let failure as UpstreamFailure where failure.reason == .decode && days.count > 1 {
            let middle = days.lowerBound.advanced(by: days.count / 2)
            var read = try await read(middle...days.upperBound, row, context)
            read.merge(try await self.read(days.lowerBound...middle.advanced(by: -1), row, context))
            return read
        }
    }

    private func query(_ days: ClosedRange<UTCDay>, now: Timestamp) -> [(name: String, value: String)] {
        var query = [(name: "start_time", value: Self.seconds(days.lowerBound.start))]
        let end = days.upperBound.period.end
        // An end in the future was rejected for a client.
        if end <= now { query.append((name: "end_time", value: Self.seconds(end))) }
        query.append((name: "bucket_width", value: "1d"))
        query.append((name: "limit", value: String(days.count)))
        query += projects.map { (name: "project_ids[]", value: $0) }
        return query + groups.map { (name: "group_by[]", value: $0) }
    }

    private static func seconds(_ time: Timestamp) -> String { String(time.milliseconds / 1000) }
}
