import UsageModel

/// The figures of one UTC day, as cells.
struct AnthropicDay {
    private struct Series: Hashable {
        let measure: AnthropicMeasure
        let key: String
        let model: String

        /// Whether the series holds what belongs to no key and no model, and the remainder of the total.
        var isUnlisted: Bool { key.isEmpty && model.isEmpty }
    }

    private let day: UTCDay
    private var sums: [Series: ExactDecimal] = [:]
    /// Series of requests whose rows have no count.
    private var uncounted: Set<Series> = []

    /// Sums the rows of a day.
    ///
    /// - Parameter label: the label `key` of a key's id.
    /// - Throws: `SourceFailure` (`decode`) if a row cannot be read, or if a group is listed twice: the sum could be too high.
    init(_ day: UTCDay, _ rows: [AnthropicRow], label: (String) -> String) throws {
        self.day = day
        var groups: Set<[String?]> = []
        for row in rows {
            guard groups.insert([row.keyID, row.model] + row.details).inserted else {
                throw SourceFailure(.decode, "\(day) has two rows of one key and model")
            }
            let (key, model) = (row.keyID.map(label) ?? "", row.model ?? "")
            let quantities = try row.measures(of: day)
            for (measure, value) in quantities {
                sums[Series(measure: measure, key: key, model: model), default: .zero] += value
            }
            if quantities[.requests] == nil, quantities[.cost] == nil {
                uncounted.insert(Series(measure: .requests, key: key, model: model))
            }
        }
    }

    /// Replaces the cost by model with the earlier cost by key and model, and what the models cost beyond it without a key.
    ///
    /// A day keeps the labels of its first reading: cost that moved from a key's series to the one without a key would be
    /// counted twice, because the key's counter never falls.
    mutating func keepKeys(of earlier: [Cell]) {
        let kept = Self.sums(earlier).filter { $0.key.measure == .cost && !$0.key.key.isEmpty }
        for (model, ofModel) in Dictionary(grouping: kept, by: \.key.model) {
            let rest = Series(measure: .cost, key: "", model: model)
            let beyond = ofModel.reduce(sums[rest] ?? .zero) { $0 - $1.value }
            sums[rest] = beyond > .zero ? beyond : nil
        }
        sums.merge(kept) { $1 }
    }

    /// Keeps the requests of an earlier reading where this one has no count of them.
    mutating func keepRequests(of earlier: [Cell], all: Bool) {
        for (series, value) in Self.sums(earlier) where series.measure == .requests {
            if sums[series] == nil, all || uncounted.contains(series) { sums[series] = value }
        }
    }

    /// Returns the cells of the day.
    ///
    /// - Parameters:
    ///   - totals: the rows of the day that are not split, at most one; empty if the total is not comparable.
    ///   - earlier: the cells of the last reading.
    ///   - hasKeys: whether cost is by key.
    /// - Throws: `SourceFailure` (`decode`) for a total that cannot be read, and for parts that are missing although the
    ///   total includes them.
    func cells(totals: [AnthropicRow], earlier: [Cell], hasKeys: Bool) throws -> [Cell] {
        guard totals.count <= 1 else { throw SourceFailure(.decode, "\(day) has two totals") }
        var sums = sums
        var cells: [Cell] = []
        let before = Self.sums(earlier)
        for (measure, total) in try totals.first?.measures(of: day) ?? [:] {
            // Parts without a count are not a remainder.
            guard measure != .requests || uncounted.isEmpty else { continue }
            let parts = sums.filter { $0.key.measure == measure }
            let remainder = Remainder(total: total, parts: Array(parts.values))
            if measure == .cost { cells.append(Cell(.reconciliation, [], remainder.difference)) }
            guard !remainder.unlisted.isZero else { continue }
            let unlisted = Series(measure: measure, key: "", model: "")
            sums[unlisted, default: .zero] += remainder.unlisted
            let gained = (sums[unlisted] ?? .zero) - (before[unlisted] ?? .zero)
            let gone = before.filter { $0.key.measure == measure && !$0.key.isUnlisted && !$0.value.isZero }
                .filter { parts[$0.key] == nil }
            guard gone.isEmpty || gained <= Remainder.noise else {
                throw SourceFailure(
                    .decode,
                    "\(day) no longer lists \(gone.count) keys or models that had usage, but its total includes them; "
                        + "the stored figures stay")
            }
        }
        cells += sums.map { $0.key.measure.cell(key: $0.key.key, model: $0.key.model, $0.value) }
        guard hasKeys else { return cells }
        return cells + sums.filter { $0.key.measure == .cost }.map { Cell(.keyCost, [$0.key.key], $0.value) }
    }

    private static func sums(_ cells: [Cell]) -> [Series: ExactDecimal] {
        var sums: [Series: ExactDecimal] = [:]
        for cell in cells {
            guard let measure = AnthropicMeasure(of: cell) else { continue }
            sums[Series(measure: measure, key: cell.labels[0], model: cell.labels[1]), default: .zero] += cell.value
        }
        return sums
    }
}

extension AnthropicRow {
    /// The quantities; throws with the day if they cannot be read.
    fileprivate func measures(of day: UTCDay) throws -> [AnthropicMeasure: ExactDecimal] {
        do {
            return try quantities.get()
        } catch {
            throw SourceFailure(error.reason, "\(day): \(error.message)")
        }
    }
}
