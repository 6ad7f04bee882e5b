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
    /// Whether the day has no rows.
    private let isEmpty: Bool

    /// Sums the rows of a day.
    ///
    /// - Parameter label: the label `key` of a key's id.
    /// - Throws: `SourceFailure` (`decode`) if a row cannot be read, or if a group is listed twice: the sum could be too high.
    init(_ day: UTCDay, _ rows: [AnthropicRow], label: (String) -> String) throws {
        self.day = day
        isEmpty = rows.isEmpty
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

    /// Keeps the requests of an earlier reading where this one has rows without a count of them.
    mutating func keepRequests(of earlier: [Cell]) {
        for (series, value) in Self.sums(earlier) where uncounted.contains(series) && sums[series] == nil {
            sums[series] = value
        }
    }

    /// Returns the cells of the day.
    ///
    /// - Parameters:
    ///   - totals: the rows of the day that are not split, at most one; empty if the total is not comparable.
    ///   - earlier: the cells of the last reading.
    ///   - hasKeys: whether cost is by key.
    /// - Throws: `SourceFailure` (`decode`) for a total that cannot be read, for parts that are missing although the total
    ///   includes them, and if there is nothing at all although the day had figures.
    func cells(totals: [AnthropicRow], earlier: [Cell], hasKeys: Bool) throws -> [Cell] {
        guard totals.count <= 1 else { throw SourceFailure(.decode, "\(day) has two totals") }
        guard !isEmpty || !totals.isEmpty || !earlier.hasFigures else {
            throw SourceFailure(.decode, "\(day) has neither rows nor a total, but had usage; the stored figures stay")
        }
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
        keepUnlisted(&sums, before, hasTotal: !totals.isEmpty)
        cells += sums.map { $0.key.measure.cell(key: $0.key.key, model: $0.key.model, $0.value) }
        guard hasKeys else { return cells }
        return cells + sums.filter { $0.key.measure == .cost }.map { Cell(.keyCost, [$0.key.key], $0.value) }
    }

    /// Keeps what was counted without key and model there, once its rows are listed: under their key it would count a second
    /// time, because counters never fall. It is taken from the series that gained. Without a total, none of it can be lost.
    private func keepUnlisted(
        _ sums: inout [Series: ExactDecimal], _ before: [Series: ExactDecimal], hasTotal: Bool
    ) {
        for (unlisted, earlier) in before where unlisted.isUnlisted {
            let lost = earlier - (sums[unlisted] ?? .zero)
            let gainers = sums.keys.filter { $0.measure == unlisted.measure && !$0.isUnlisted }
                .sorted { ($0.key, $0.model) < ($1.key, $1.model) }
            let moved = sums.takeGains(upTo: lost, from: gainers, since: before)
            let kept = hasTotal ? moved : max(.zero, lost)
            if !kept.isZero { sums[unlisted, default: .zero] += kept }
        }
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
