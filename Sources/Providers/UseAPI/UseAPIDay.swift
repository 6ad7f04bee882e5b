import Foundation
import Upstream
import UsageModel

/// One UTC day of a bot: its rows counted, and the API's own summary of them.
struct UseAPIDay {
    let bot: String
    let day: UTCDay
    let rows: UseAPIRows
    let summary: UseAPISummary?
    /// The API's own count of requests.
    let total: Int
    /// Whether the list is as long as the API's longest, so that it may be cut.
    let isCut: Bool
    /// Whether requests may be missing from rows and summary alike.
    let isIncomplete: Bool

    /// A day as one response lists it.
    init(bot: String, day: UTCDay, rows: UseAPIRows, head: UseAPIStatsHead) {
        self.bot = bot
        self.day = day
        self.rows = rows
        summary = head.summary.value
        isCut = rows.count == UseAPIStatsQuery.longestList
        isIncomplete = isCut
        let listed = max(0, head.total?.value ?? rows.count)
        // Of a cut list `total` may be the length of the list, and the summary the whole day's.
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

    /// The same day with the rows of the linked accounts' own lists.
    ///
    /// - Parameter isIncomplete: whether one of those lists is cut as well. The day may also be incomplete where its
    ///   summary counts less than they list: it then knows the cut list alone, and accounts may be missing from both.
    func split(into rows: UseAPIRows, isIncomplete: Bool) -> UseAPIDay {
        UseAPIDay(self, rows: rows, isIncomplete: isIncomplete || Self.sum(summary?.by_config) < rows.count)
    }

    /// The linked accounts that the summary names.
    var configs: Set<String> {
        Set((summary?.by_config.value?.values ?? [:]).keys).subtracting(["", UseAPIPlanNames.none])
    }

    /// A note for the log once the day is over; nil where nothing is odd. It names fields and counts, never a value of a
    /// row.
    var remark: String? {
        guard isIncomplete else { return SummaryDiscrepancy(self).remark }
        return
            "\(day): the API's list of \(bot) is cut at \(UseAPIStatsQuery.longestList) requests; some of the day may "
            + "be missing"
    }

    private static func sum(_ counts: Decoration<UseAPICounts>?) -> Int {
        (counts?.value?.values ?? [:]).values.reduce(0) { sum, count in
            let (sum, overflow) = sum.addingReportingOverflow(count)
            return overflow ? 0 : sum
        }
    }

    /// What a day's cells are made of; it must not change between readings of one day, since requests that moved from
    /// one label set to another would be counted twice. A day that was first counted by its summary thus stays so, also
    /// when its rows are listed later.
    enum Form {
        /// The rows: labels jointly.
        case rows
        /// The summary only: one label at a time.
        case summary

        /// The form of cells that were made before; nil where there are none.
        init?(of cells: [Cell]) {
            let responses = cells.filter { $0.family == .useapiResponses }
            guard !responses.isEmpty else { return nil }
            self = responses.contains { !$0.labels[1].isEmpty || !$0.labels[2].isEmpty } ? .rows : .summary
        }
    }

    /// The day's cells; those of one series are to be added up. Nil where the API counts requests and lists none yet.
    ///
    /// - Parameters:
    ///   - earlier: the cells of the day's last reading.
    ///   - isSettled: whether the list has caught up with the count. Until then requests that are not listed are left for
    ///     later: a counter could not give them back once their rows are listed.
    ///   - price: USD for a successful request of a model, where there is a price.
    /// - Throws: `SourceFailure` (`decode`) where the rows of a day that had some are gone.
    func cells(
        earlier: [Cell], isSettled: Bool, price: (_ model: String) -> ExactDecimal?
    ) throws -> [Cell]? {
        let names = UseAPIPlanNames(summary?.lookup.value, earlier: earlier)
        let form = Form(of: earlier)
        let hasRowsMissing = rows.count == 0 && total > 0
        if form == .summary || (form == nil && hasRowsMissing && isSettled) {
            return UnlistedRequests(total, summary, beyond: UseAPIRows()).cells(bot: bot, names: names)
        }
        if hasRowsMissing {
            guard isSettled else { return nil }
            throw SourceFailure(.decode, "\(day): stats lists no rows any more, and counts \(total)")
        }
        let listed = requestCells(price: price) + durationCells() + captchaCells() + planCells(names)
        guard isSettled, total > rows.count else { return listed }
        return listed + UnlistedRequests(total - rows.count, summary, beyond: rows).cells(bot: bot, names: names)
    }

    /// The label `model` of a request: one without a model is the bot's own.
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
        let places = LedgerFamily.durationBounds.map { "\($0)" } + ["+Inf"]
        var cells: [Cell] = []
        for (operation, durations) in rows.durations {
            let labels = [label(operation.model), operation.endpoint]
            for (le, count) in zip(places, durations.counts) where count > 0 {
                cells.append(Cell(.duration, labels + [le], ExactDecimal(count)))
            }
            // Milliseconds become seconds by their exponent, digit for digit.
            guard let seconds = ExactDecimal("\(durations.milliseconds)e-3") else { continue }
            cells.append(Cell(.duration, labels + [LedgerFamily.durationSum], seconds))
        }
        return cells
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

/// A day whose last query failed, and which is not worth another one at each sync: a response can be tens of MB. Stored
/// as JSON.
struct UseAPIUnreadableDay: Equatable, Codable {
    private let tried: Timestamp
    private let reason: FailureReason
    private let message: String

    /// How long such a day is left before it is queried again.
    static let pause = Duration.hours(1)

    /// Nil where the day is worth another query at the next sync: one that is still open.
    init?(_ failure: any ReasonedFailure, isOpen: Bool, now: Timestamp) {
        guard failure.reason == .decode, !isOpen else { return nil }
        tried = now
        reason = failure.reason
        message = failure.message
    }

    /// What was stored; nil where nothing was, or where it cannot be read.
    init?(stored: String?) {
        guard let stored, let day = try? JSONDecoder().decode(Self.self, from: Data(stored.utf8)) else { return nil }
        self = day
    }

    /// The name under which it is stored.
    static func name(of day: UTCDay) -> String { "unreadable/\(day)" }

    /// The stored form.
    func encoded() throws -> String { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }

    /// The failure to report until the day is queried again; nil from then on.
    func failure(at now: Timestamp) -> SourceFailure? {
        tried <= now && now < tried + Self.pause ? SourceFailure(reason, message) : nil
    }
}
