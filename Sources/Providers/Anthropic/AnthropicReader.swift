import Upstream
import UsageModel

/// The figures of a window: the rows by key and model, and the totals.
struct AnthropicFigures {
    let generation: AnthropicGeneration
    /// By the start of their day.
    let parts: [UTCDay: [AnthropicRow]]
    let totals: [UTCDay: [AnthropicRow]]
    /// When the figures were requested.
    let requestedAt: Timestamp
    /// The time up to which they are complete; nil if the responses do not say.
    let refreshedAt: Timestamp?
    /// Whether all responses are of one refresh.
    let isOneState: Bool
    /// Whether the rows have at least what the totals have: they are not of an earlier refresh, and no row can be missing
    /// because the figures changed between two pages.
    let isWhole: Bool

    /// The time up to which the figures of a day are complete.
    var completeUntil: Timestamp { min(requestedAt, refreshedAt ?? requestedAt) }

    /// The total of a day if the rows must sum to it; empty if they may not.
    ///
    /// A difference that is caused by a change between the responses would be taken for usage without a key, and be counted
    /// again under its key later.
    func comparableTotal(of slice: SliceID) -> [AnthropicRow] {
        isOneState || isWhole && slice.period.end <= requestedAt ? totals[slice.period.start.day] ?? [] : []
    }
}

/// Reads a window of a report to the end of its pages, before anything is committed.
struct AnthropicReader {
    let report: AnthropicReport
    let api: any UpstreamAPI
    let context: any SyncContext

    /// The attempts at pages of one state of the figures, which change about every four hours.
    static let attempts = 3
    /// The most pages and rows of a window, against a response that never ends.
    static let mostPages = 500
    static let mostRows = 100_000

    /// A cursor expired because the figures were refreshed.
    private struct Refreshed: Error {}

    /// Reads the totals and the rows by key and model.
    ///
    /// The totals come first: usage that arrives in between would otherwise be taken for a remainder of the total. If the time
    /// of refresh changes with each attempt, the figures are up to now, and the earliest of the times counts.
    ///
    /// - Returns: nil if all due days were read at the last refresh already: only the totals are read then.
    /// - Throws: `UpstreamFailure` of a first page; `SourceFailure` (`decode`) for rows of other days or longer periods, and
    ///   if the cursors of each attempt expire.
    func read(_ window: AnthropicWindow, _ generation: AnthropicGeneration) async throws -> AnthropicFigures? {
        for attempt in 1...Self.attempts {
            let requestedAt = context.now
            do {
                var totals = Walk(report, window, generation, isGrouped: false)
                try await totals.read(api)
                if let refreshed = totals.refreshes.min(), window.isRead(until: refreshed, now: requestedAt) {
                    return nil
                }
                var parts = Walk(report, window, generation, isGrouped: true)
                try await parts.read(api)
                let times = totals.refreshes.union(parts.refreshes)
                let isEarlier = parts.refreshes.contains { part in totals.refreshes.contains { part < $0 } }
                guard times.count <= 1 || attempt == Self.attempts else { continue }
                return AnthropicFigures(
                    generation: generation, parts: parts.rowsByDay, totals: totals.rowsByDay, requestedAt: requestedAt,
                    refreshedAt: times.min(), isOneState: times.count == 1,
                    isWhole: !isEarlier && (parts.pages == 1 || generation == .reports))
            } catch is Refreshed {
                continue
            }
        }
        throw SourceFailure(
            .decode, "\(report.path(generation)) was refreshed during each of \(Self.attempts) readings of its pages")
    }

    /// The pages of one query.
    private struct Walk {
        private let report: AnthropicReport
        private let window: AnthropicWindow
        private let generation: AnthropicGeneration
        private let isGrouped: Bool
        private var rows = 0
        private var cursors: Set<String> = []
        private(set) var rowsByDay: [UTCDay: [AnthropicRow]] = [:]
        private(set) var pages = 0
        /// The times of refresh of the pages.
        private(set) var refreshes: Set<Timestamp> = []

        init(
            _ report: AnthropicReport, _ window: AnthropicWindow, _ generation: AnthropicGeneration, isGrouped: Bool
        ) {
            self.report = report
            self.window = window
            self.generation = generation
            self.isGrouped = isGrouped
        }

        private var path: String { report.path(generation) }

        mutating func read(_ api: any UpstreamAPI) async throws {
            var cursor: String?
            for _ in 0..<AnthropicReader.mostPages {
                let call = report.call(window, generation, isGrouped: isGrouped, page: cursor)
                let response: UpstreamResponse
                do {
                    response = try await api.send(call)
                } catch let failure as UpstreamFailure where cursor != nil {
                    // A cursor that outlived a refresh; on the first page 410 means that the endpoint is closed.
                    guard failure.status != 410 else { throw Refreshed() }
                    // The first page could be read, so the account has this generation.
                    guard [400, 403, 404].contains(failure.status) else { throw failure }
                    throw SourceFailure(failure.reason, failure.message)
                }
                switch report {
                case .cost: cursor = try add(JSONBody.decode(AnthropicPage<AnthropicCost>.self, from: response))
                case .usage: cursor = try add(JSONBody.decode(AnthropicPage<AnthropicUsage>.self, from: response))
                }
                guard let cursor else { return }
                guard cursors.insert(cursor).inserted else {
                    throw SourceFailure(.decode, "\(path) returned a page cursor twice")
                }
            }
            throw SourceFailure(.decode, "\(path) has more than \(AnthropicReader.mostPages) pages for \(window.text)")
        }

        /// Adds the rows of a page and returns the cursor of the next; nil at the end.
        private mutating func add(_ page: AnthropicPage<some AnthropicQuantities>) throws -> String? {
            pages += 1
            refreshes.formUnion([page.refreshedAt].compactMap { $0 })
            rows += page.rows.count
            guard rows <= AnthropicReader.mostRows else {
                throw SourceFailure(
                    .decode, "\(path) has more than \(AnthropicReader.mostRows) rows for \(window.text)")
            }
            for var row in page.rows {
                row.quantities = row.quantities.mapError { SourceFailure($0.reason, "\(path): \($0.message)") }
                let day = row.period.start.day
                guard row.period.start == day.start, row.period.start < row.period.end,
                    row.period.end <= day.advanced(by: 1).start
                else {
                    throw SourceFailure(
                        .decode, "\(path) has a row from \(row.period.start) to \(row.period.end); expected UTC days")
                }
                guard day >= window.days.lowerBound else {
                    throw SourceFailure(.decode, "\(path) has a row of \(day), which was not requested")
                }
                guard row.isSplit || !isGrouped else {
                    throw SourceFailure(.decode, "\(path) has a row without the dimension `model`, which was requested")
                }
                // A later day began since, or belongs to the longer range of the older API.
                if day <= window.days.upperBound { rowsByDay[day, default: []].append(row) }
            }
            guard page.hasMore else { return nil }
            guard let next = page.nextPage else {
                throw SourceFailure(.decode, "\(path) has more rows but no `next_page`")
            }
            return next
        }
    }
}

extension AnthropicWindow {
    /// For messages.
    fileprivate var text: String { "\(days.lowerBound) to \(days.upperBound)" }
}
