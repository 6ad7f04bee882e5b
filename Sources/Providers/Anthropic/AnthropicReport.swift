import Upstream
import UsageModel

/// A generation of the API that reports cost and usage.
enum AnthropicGeneration: String, Sendable, Codable {
    /// `/v1/organizations/analytics/…`, a beta since 2026-10-29: cost, tokens and requests by key and model.
    case analytics
    /// `/v1/organizations/cost_report` and `…/usage_report/messages`: cost by model only, tokens by key and model.
    case reports

    /// The beta feature to request.
    var beta: String? { self == .analytics ? "analytics-usage-cost-2026-08-24" : nil }

    /// The first day that the analytics know: "not before 2026-01-01".
    static let firstAnalyticsDay = UTCDay(daysSinceEpoch: 20_454)
}

/// The two kinds of figures, each of which is a source.
enum AnthropicReport: String, Sendable {
    case cost
    case usage

    func path(_ generation: AnthropicGeneration) -> String {
        switch (self, generation) {
        case (.cost, .analytics): "/v1/organizations/analytics/cost"
        case (.usage, .analytics): "/v1/organizations/analytics/usage"
        case (.cost, .reports): "/v1/organizations/cost_report"
        case (.usage, .reports): "/v1/organizations/usage_report/messages"
        }
    }

    /// The dimensions of a row besides the day.
    private func dimensions(_ generation: AnthropicGeneration) -> [String] {
        self == .cost && generation == .reports ? ["description"] : ["api_key_id", "model"]
    }

    /// The rows of a page of the analytics: the maximum of their sibling endpoints.
    static let longestPage = 1000
    /// The days of a page of the older API if they are split: a page has all rows of its days, whose number is unknown.
    static let daysOfPage = 7

    /// The size of a page: rows of the analytics, days of the older API.
    private func pageSize(_ window: AnthropicWindow, _ generation: AnthropicGeneration, isGrouped: Bool) -> Int {
        switch generation {
        case .analytics: Self.longestPage
        case .reports: isGrouped ? min(Self.daysOfPage, window.days.count) : AnthropicWindow.longest
        }
    }

    /// Returns the call for a page of a window.
    ///
    /// - Parameters:
    ///   - isGrouped: whether to split the days by key and model; otherwise each day is one row, the total.
    ///   - page: the cursor of the page; nil for the first.
    func call(
        _ window: AnthropicWindow, _ generation: AnthropicGeneration, isGrouped: Bool, page: String?
    ) -> UpstreamCall {
        let isNew = generation == .analytics
        var query = [
            (name: "starting_at", value: "\(window.days.lowerBound.start)"),
            (name: isNew ? "time_bucket_width" : "bucket_width", value: "1d"),
            (name: "limit", value: "\(pageSize(window, generation, isGrouped: isGrouped))"),
        ]
        // Without an end, the response ends now.
        if let end = window.end(generation) { query.append((name: "ending_at", value: "\(end)")) }
        if isGrouped { query += dimensions(generation).map { (name: "group_by[]", value: $0) } }
        if let page { query.append((name: "page", value: page)) }
        return Anthropic.call(path(generation), query: query, beta: generation.beta)
    }
}

/// Due days that are read with one range.
struct AnthropicWindow {
    /// The days from the first due one to the last.
    let days: ClosedRange<UTCDay>
    /// Newest first.
    let due: [DueSlice]
    /// When the window is read.
    let now: Timestamp

    /// The most days of a range: "at most 31 days", and the most buckets of a page of the older API.
    static let longest = 31

    /// The end of the range; nil if it would be in the future.
    ///
    /// The older API returns buckets "that end before" the end, which may exclude one that ends with it, so the range has a
    /// day more there.
    func end(_ generation: AnthropicGeneration) -> Timestamp? {
        let end = days.upperBound.advanced(by: generation == .analytics ? 1 : 2).start
        return end <= now ? end : nil
    }

    /// The newer and the older half of the days.
    var halves: [AnthropicWindow] {
        let middle = due.count / 2
        return [due.prefix(middle), due.dropFirst(middle)].flatMap { Self.windows(of: Array($0), now: now) }
    }

    /// Whether no due day has more figures at a time of refresh than the stored ones.
    func isRead(until refreshed: Timestamp, now: Timestamp) -> Bool {
        due.allSatisfy { day in
            // A later reading than now was dated by a clock that has been set back since.
            day.lastRead.map { refreshed <= $0 && $0 <= now } ?? (refreshed <= day.slice.period.start)
        }
    }

    /// Groups days into windows, newest first.
    static func windows(of due: [DueSlice], now: Timestamp) -> [AnthropicWindow] {
        due.ranges(of: longest).compactMap { range in
            range.days.map { AnthropicWindow(days: $0, due: range, now: now) }
        }
    }
}
