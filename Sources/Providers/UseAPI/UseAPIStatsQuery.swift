import UsageModel
import Upstream

/// Queries one bot's statistics of a day: once, or once more for each linked account where the list is cut.
struct UseAPIStatsQuery {
    let api: any UpstreamAPI
    let bot: String

    /// "Number of records to return (max: 50000)": a list of exactly this length is taken for one that is cut.
    static let longestList = 50_000
    /// A day comes whole: this is three times the rows of the longest list.
    static let longestAnswer = 64 << 20
    /// The most linked accounts that a cut list is split by.
    static let mostConfigs = 100

    /// Reads a day.
    func day(_ day: UTCDay, remark: (String) -> Void) async throws -> UseAPIDay {
        let (whole, unsplit) = try await whole(day, remark)
        guard let unsplit else { return whole }
        // The accounts' own lists take the place of their rows in the cut one.
        var rows = unsplit
        var isIncomplete = false
        for config in whole.configs.sorted() {
            let answer = try await send(day, config: config)
            let document = try UseAPIDocument(answer, day: day, into: &rows) { $0.config == config }
            isIncomplete = isIncomplete || document.listed >= Self.longestList
        }
        return whole.split(into: rows, isIncomplete: isIncomplete)
    }

    /// Reads the day's list.
    ///
    /// - Returns: the day; and where its list is cut and can be split, the rows of no linked account that it can be
    ///   split by.
    private func whole(_ day: UTCDay, _ remark: (String) -> Void) async throws -> (UseAPIDay, UseAPIRows?) {
        let answer = try await send(day)
        var rows = UseAPIRows()
        let document = try UseAPIDocument(answer, day: day, into: &rows, remark: remark)
        let whole = UseAPIDay(bot: bot, day: day, rows: rows, head: document.head)
        guard whole.isCut, (1...Self.mostConfigs).contains(whole.configs.count) else { return (whole, nil) }
        var unsplit = UseAPIRows()
        _ = try UseAPIDocument(answer, day: day, into: &unsplit) { row in
            row.config.map { !whole.configs.contains($0) } ?? true
        }
        return (whole, unsplit)
    }

    private func send(_ day: UTCDay, config: String? = nil) async throws -> UpstreamAnswer {
        let query = [(name: "bot", value: bot), (name: "date", value: day.description)]
        let filter = config.map { [(name: "config", value: $0)] } ?? []
        return try await api.send(
            UpstreamCall(.get, "/v2/account/stats", query: query + filter, longestAnswer: Self.longestAnswer)
                .explained(by: UseAPI.meanings))
    }
}
