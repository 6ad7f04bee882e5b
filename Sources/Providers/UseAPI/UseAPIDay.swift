import UsageModel
import Upstream

/// One UTC day of a bot, as an answer tells it: its rows counted, and the API's own summary of them.
struct UseAPIDay {
    let bot: String
    let day: UTCDay
    let rows: UseAPIRows
    let summary: UseAPISummary?
    /// The API's own count of requests.
    let total: Int

    /// The longest that everything but the rows may be, in bytes: the summary's counts are members of objects, which
    /// have no limit of their own.
    private static let longestHead = 1 << 20

    /// Reads an answer to a query of that day.
    ///
    /// - Throws: `SourceFailure` (`decode`) where it is none, or tells of another day.
    init(_ answer: UpstreamAnswer, bot: String, day: UTCDay) throws {
        var rows = UseAPIRows()
        var document = ListDocument(answer.body, list: "data")
        let rest = try document.read { batch in
            do {
                let read =
                    try UseAPIRow.plain(batch.json)
                    ?? JSONBody.decode([UseAPIRow].self, from: answer.part(batch.json))
                for row in read { rows.add(row) }
                try rows.checkSize()
            } catch let failure as SourceFailure {
                throw SourceFailure(failure.reason, "data, from row \(batch.first) on: \(failure.message)")
            }
        }
        guard rest.count <= Self.longestHead else {
            throw SourceFailure(.decode, "stats has more than \(Self.longestHead) bytes beside its rows")
        }
        let head = try JSONBody.decode(UseAPIStatsHead.self, from: answer.part(rest))
        // The usage of one day counted for another would double it.
        if let told = head.date?.value, !told.isEmpty, Timestamp(told)?.day != day {
            throw SourceFailure(.decode, "stats answered for another date than \(day), which was asked for")
        }
        guard head.total != nil || head.summary != nil || rows.count > 0 else {
            throw SourceFailure(.decode, "stats answered without `total`; is base_url the useapi.net API?")
        }
        self.bot = bot
        self.day = day
        self.rows = rows
        summary = head.summary
        total = max(0, head.total?.value ?? rows.count)
    }

    /// What a day's cells are made of; it must not change between readings of one day, since requests that moved from
    /// one label set to another would be counted twice.
    enum Form {
        /// The rows: labels jointly.
        case rows
        /// The summary alone: one label at a time.
        case summary

        /// The form of cells that were made before; nil where there are none.
        init?(of cells: [Cell]) {
            let responses = cells.filter { $0.family == .useapiResponses }
            guard !responses.isEmpty else { return nil }
            self = responses.contains { !$0.labels[1].isEmpty || !$0.labels[2].isEmpty } ? .rows : .summary
        }
    }

    /// The day's cells; those of one series are to be added up.
    ///
    /// - Parameters:
    ///   - earlier: the cells of the day's last reading.
    ///   - isClosed: whether the day is over. Until then the list may lag behind the count, so what the count holds
    ///     beyond the list is left for later: a counter could not give it back once its rows are listed.
    ///   - price: USD for a successful request of a model, where there is a price.
    /// - Throws: `SourceFailure` (`decode`) where the rows of a day that had some are gone.
    func cells(earlier: [Cell], isClosed: Bool, price: (_ model: String) -> ExactDecimal?) throws -> [Cell] {
        let names = UseAPIPlanNames(summary?.lookup, earlier: earlier)
        switch Form(of: earlier) ?? (rows.count == 0 && total > 0 ? .summary : .rows) {
        case .summary:
            return UseAPIUnlisted(total, summary, beyond: UseAPIRows()).cells(bot: bot, names: names)
        case .rows where rows.count == 0 && total > 0:
            throw SourceFailure(.decode, "\(day): stats lists no rows any more, and counts \(total)")
        case .rows: break
        }
        let listed = requestCells(price: price) + durationCells() + captchaCells() + planCells(names)
        guard isClosed, total > rows.count else { return listed }
        return listed + UseAPIUnlisted(total - rows.count, summary, beyond: rows).cells(bot: bot, names: names)
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

extension UpstreamAnswer {
    /// The same answer with a part of its body.
    fileprivate func part(_ json: [UInt8]) -> UpstreamAnswer {
        UpstreamAnswer(status: status, headers: headers, body: json)
    }
}
