import Foundation
import Upstream
import UsageModel

/// One UTC day of a bot: the counts of its rows, and the API's own summary.
struct UseAPIDay {
    let bot: String
    let day: UTCDay
    let rows: UseAPIRows
    let summary: UseAPISummary?
    /// The API's own count of requests.
    let total: Int
    /// Whether the list has the API's maximum length, so that it may be truncated.
    let isCut: Bool
    /// Whether requests may be missing from both rows and summary.
    let isIncomplete: Bool

    /// Creates a day from one response.
    init(bot: String, day: UTCDay, rows: UseAPIRows, head: UseAPIStatsHead) {
        self.bot = bot
        self.day = day
        self.rows = rows
        summary = head.summary.value
        isCut = rows.count >= UseAPIStatsQuery.longestList
        isIncomplete = isCut
        let listed = max(0, head.total?.value ?? rows.count)
        // For a truncated list, `total` may be the length of the list, and the summary may cover the whole day.
        total = isCut ? max(listed, Self.sum(summary?.by_config), Self.sum(summary?.by_code)) : listed
    }

    private init(_ whole: UseAPIDay, rows: UseAPIRows, isIncomplete: Bool) {
        bot = whole.bot
        day = whole.day
        self.rows = rows
        summary = whole.summary
        total = max(whole.total, rows.count)
        isCut = true
        self.isIncomplete = isIncomplete
    }

    /// Returns the same day with the rows of the linked accounts' own lists.
    ///
    /// - Parameter isIncomplete: whether one of those lists is truncated too. The day is also incomplete if its summary
    ///   covers only the truncated list and those lists have more rows: accounts may then be missing from both. A
    ///   summary that counts more than the truncated list covers the day; rows beyond it arrived since.
    func split(into rows: UseAPIRows, isIncomplete: Bool) -> UseAPIDay {
        let counted = Self.sum(summary?.by_config)
        let misses = counted <= self.rows.count && counted < rows.count
        return UseAPIDay(self, rows: rows, isIncomplete: isIncomplete || misses)
    }

    /// The time up to which the day counts as read.
    ///
    /// An open day: up to the newest request in the summary, and at least up to the documented latency before the query;
    /// up to the query without a summary. A closed day: up to the query, because the schedule reads it again after the
    /// latency, and a time before its end would have every sync until then read the whole day.
    func reach(requestedAt: Timestamp) -> Timestamp {
        guard requestedAt < day.period.end, let newest = summary?.to.value.flatMap({ Timestamp($0.value) }) else {
            return requestedAt
        }
        return min(requestedAt, max(newest, requestedAt - UseAPIStatsSource.latency))
    }

    /// Whether rows are missing although the truncated list was read by linked account: those of accounts that the
    /// summary does not name, or without an account. Before the day is settled, the list may only lag behind the count.
    var lacksRows: Bool { isCut && rows.count < total }

    /// Whether the API counts no requests at all.
    var isEmpty: Bool { total == 0 && rows.count == 0 }

    /// The linked accounts in the summary.
    var configs: Set<String> {
        Set((summary?.by_config.value?.values ?? [:]).keys).subtracting(["", UseAPIPlanNames.none])
    }

    /// The log message for a closed day; nil without discrepancies. It has field names and counts, no values of rows.
    var remark: String? {
        guard isIncomplete else { return SummaryDiscrepancy(self).remark }
        return
            "\(day): the API's list of \(bot) is truncated at \(UseAPIStatsQuery.longestList) requests; some of the "
            + "day may be missing"
    }

    /// The sum of the counts; 0 if it is out of range, as if there were none.
    private static func sum(_ counts: Decoration<UseAPICounts>?) -> Int {
        var sum = 0
        for count in (counts?.value?.values ?? [:]).values {
            let (next, overflow) = sum.addingReportingOverflow(count)
            if overflow { return 0 }
            sum = next
        }
        return sum
    }

    /// The source of a day's cells. It must not change between reads of a day, because requests that moved from one
    /// label set to another would be counted twice. A day that was first counted from its summary stays so, even if its
    /// rows are listed later.
    enum Form {
        /// The rows, which have all labels.
        case rows
        /// Only the summary, which counts by one label at a time.
        case summary

        /// Determines the form of existing cells; nil if there are none.
        init?(of cells: [Cell]) {
            let responses = cells.filter { $0.family == .useapiResponses }
            guard !responses.isEmpty else { return nil }
            self = responses.contains { !$0.labels[1].isEmpty || !$0.labels[2].isEmpty } ? .rows : .summary
        }
    }

    /// Returns the cells of the day; cells of one series are to be added. Nil if the API counts requests and does not
    /// list any yet.
    ///
    /// - Parameters:
    ///   - earlier: the cells of the day's last read.
    ///   - isSettled: whether the list is as complete as the count. Before that, requests that are not listed are not
    ///     counted, because a counter could not fall once their rows are listed.
    ///   - price: returns the USD for a successful request of a model; nil without a price.
    /// - Throws: `SourceFailure` (`decode`) if the day had rows and no longer lists any.
    func cells(
        earlier: [Cell], isSettled: Bool, price: (_ model: String) -> ExactDecimal?
    ) throws -> [Cell]? {
        let names = UseAPIPlanNames(summary?.lookup.value, earlier: earlier)
        let form = Form(of: earlier)
        let hasRowsMissing = rows.count == 0 && total > 0
        if form == .summary || (form == nil && hasRowsMissing && isSettled) {
            return UnlistedRequests(total, summary, beyond: ListedRequests(UseAPIRows())).cells(bot: bot, names: names)
        }
        if hasRowsMissing {
            guard isSettled else { return nil }
            throw SourceFailure(.decode, "\(day): stats no longer lists rows, but counts \(total)")
        }
        let current = requestCells(price: price) + durationCells() + captchaCells() + planCells(names)
        // A truncated list may have other rows at each reading.
        let cells = isIncomplete ? Self.most(of: current, earlier) : current
        let listed = isIncomplete ? ListedRequests(cells, bot: bot) : ListedRequests(rows)
        guard isSettled, total > listed.count else { return cells }
        return cells + UnlistedRequests(total, summary, beyond: listed).cells(bot: bot, names: names)
    }

    /// Returns the larger value of each series. The rows of each reading are requests of the day, so that no series of
    /// the day is smaller.
    private static func most(of cells: [Cell], _ earlier: [Cell]) -> [Cell] {
        func sums(_ cells: [Cell]) -> [LedgerFamily: [[String]: ExactDecimal]] {
            cells.reduce(into: [:]) { $0[$1.family, default: [:]][$1.labels, default: .zero] += $1.value }
        }
        let listed = earlier.filter { !UnlistedRequests.mayHold($0) }
        let most = sums(cells).merging(sums(listed)) { $0.merging($1) { max($0, $1) } }
        return most.flatMap { family, values in values.map { Cell(family, $0.key, $0.value) } }
    }

    /// Returns the label `model` of a request; the bot's name for a request without a model.
    private func label(_ model: String) -> String { model.isEmpty ? bot : model }

    private func requestCells(price: (String) -> ExactDecimal?) -> [Cell] {
        struct Series: Hashable {
            let key: String
            let model: String
        }
        struct Figures {
            var requests = 0
            var successes = 0
            var failures = 0
        }
        var cells: [Cell] = []
        var sums: [Series: Figures] = [:]
        for (request, count) in rows.requests {
            let series = Series(key: request.key, model: label(request.model))
            sums[series, default: Figures()].requests += count
            switch UseAPICode.isSuccess(request.code) {
            case true?: sums[series, default: Figures()].successes += count
            case false?: sums[series, default: Figures()].failures += count
            case nil: break
            }
            cells.append(
                Cell(.useapiResponses, [bot, request.key, request.endpoint, request.code], ExactDecimal(count)))
        }
        for (series, figures) in sums {
            let labels = [series.key, series.model]
            cells.append(Cell(.requests, labels, ExactDecimal(figures.requests)))
            guard figures.successes + figures.failures > 0 else { continue }
            cells.append(Cell(.outcomes, labels + ["success"], ExactDecimal(figures.successes)))
            cells.append(Cell(.outcomes, labels + ["failure"], ExactDecimal(figures.failures)))
            if let price = price(series.model) {
                cells.append(Cell(.estimatedCost, labels, price * figures.successes))
            }
        }
        return cells
    }

    private func durationCells() -> [Cell] {
        rows.durations.flatMap { $1.cells(model: label($0.model), operation: $0.endpoint) }
    }

    private func captchaCells() -> [Cell] {
        let attempts = rows.captchaAttempts.map { Cell(.captchaAttempts, [$0.key], ExactDecimal($0.value)) }
        return attempts + (rows.captchaRetries.map { [Cell(.captchaRetries, [], $0)] } ?? [])
    }

    private func planCells(_ names: UseAPIPlanNames) -> [Cell] {
        guard rows.havePlans || summary?.hasPlans == true else { return [] }
        return rows.plans.map { Cell(.tierRequests, names.labels($0.key), ExactDecimal($0.value)) }
    }
}

/// A closed day whose last query failed. Not queried at each sync: a response can be tens of MB. Stored as JSON.
struct UseAPIUnreadableDay: Equatable, Codable {
    private let tried: Timestamp
    private let reason: FailureReason
    private let message: String

    /// The delay before such a day is queried again.
    static let pause = Duration.hours(1)

    /// Creates the record of a failed day; nil if the day is still open, so that the next sync queries it.
    init?(_ failure: any ReasonedFailure, isOpen: Bool, now: Timestamp) {
        guard failure.reason == .decode, !isOpen else { return nil }
        tried = now
        reason = failure.reason
        message = failure.message
    }

    /// Decodes the stored record; nil if there is none or if it cannot be decoded.
    init?(stored: String?) {
        guard let stored, let day = try? JSONDecoder().decode(Self.self, from: Data(stored.utf8)) else { return nil }
        self = day
    }

    /// The name under which the record is stored.
    static func name(of day: UTCDay) -> String { "unreadable/\(day)" }

    /// Returns the JSON to store.
    func encoded() throws -> String { try RememberedJSON.text(of: self) }

    /// The failure to report until the day is queried again; nil after that.
    func failure(at now: Timestamp) -> SourceFailure? {
        tried <= now && now < tried + Self.pause ? SourceFailure(reason, message) : nil
    }
}
