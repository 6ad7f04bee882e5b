import UsageLedger
import UsageModel

/// Series of the ledger that are merged into one served series, with its history.
struct BackfillGroup {
    private let family: LedgerFamily
    /// The served values of the family's labels.
    let labels: [String]
    private var parts: [Part] = []

    /// A ledger series' contribution to the served series.
    private struct Part {
        let total: SeriesTotal
        /// The series' final contribution.
        let amount: ExactDecimal
        /// The series' later contribution under other labels, which excludes its newest days from this part.
        let later: ExactDecimal
    }

    /// Groups an account's series by their served labels, in the order of their ids.
    ///
    /// - Parameter view: maps the provider's label values to the served ones.
    static func groups(
        of totals: [SeriesTotal], account: LedgerHistory.Account, view: LabelView
    ) -> [LedgerFamily: [BackfillGroup]] {
        var groups: [LedgerFamily: [BackfillGroup]] = [:]
        var indexes: [[String]: Int] = [:]
        func add(_ part: Part, to shown: [String]) {
            let total = part.total
            let name = [total.family.name] + shown
            let index = indexes[name] ?? groups[total.family, default: []].count
            if indexes[name] == nil {
                indexes[name] = index
                groups[total.family, default: []].append(
                    BackfillGroup(family: total.family, labels: [account.provider, account.name] + shown))
            }
            groups[total.family]?[index].parts.append(part)
        }
        for total in totals where total.family.kind != .difference {
            let own = total.counter - total.elsewhere
            add(Part(total: total, amount: own, later: .zero), to: view.served(total))
            if !total.elsewhere.isZero, !view.isOverflow(total) {
                add(Part(total: total, amount: total.elsewhere, later: own), to: view.servedFolded(total))
            }
        }
        return groups
    }

    private init(family: LedgerFamily, labels: [String]) {
        self.family = family
        self.labels = labels
    }

    /// The earliest ledger start of its series.
    var startedAt: Timestamp { parts.map(\.total.startedAt).min() ?? Timestamp(milliseconds: 0) }

    /// The history of a counter.
    ///
    /// - Throws: errors of the ledger.
    func counter(_ ledger: LedgerHistory, now: Timestamp) throws -> CounterHistory {
        try history(of: parts, ledger, isWhole: family.kind == .count, now: now)
    }

    /// The histories of a histogram's buckets, which are not cumulative, and of its sum.
    ///
    /// - Throws: errors of the ledger.
    func histogram(_ ledger: LedgerHistory, now: Timestamp) throws -> (buckets: [CounterHistory], sum: CounterHistory) {
        (
            try LedgerFamily.durationBuckets.map { bucket in
                try history(of: parts.filter { $0.total.labels.last == bucket }, ledger, isWhole: true, now: now)
            },
            try history(
                of: parts.filter { $0.total.labels.last == LedgerFamily.durationSum }, ledger, isWhole: false, now: now)
        )
    }

    private func history(
        of parts: [Part], _ ledger: LedgerHistory, isWhole: Bool, now: Timestamp
    ) throws -> CounterHistory {
        CounterHistory(
            counter: parts.reduce(.zero) { $0 + $1.amount },
            days: try parts.flatMap { try Self.days(ledger.days(of: $0.total.id), without: $0.later) },
            isWhole: isWhole, now: now)
    }

    /// Subtracts an amount from the newest days.
    private static func days(
        _ days: [(day: UTCDay, amount: ExactDecimal)], without later: ExactDecimal
    ) -> [(day: UTCDay, amount: ExactDecimal)] {
        var left = later
        return days.reversed().map { day, amount in
            let taken = min(max(.zero, amount), left)
            left -= taken
            return (day, amount - taken)
        }
    }
}

/// The past values of a counter, computed backwards from its current value by the ledger's daily sums.
///
/// The ledger stores days, so the counter rises linearly within a day and is exact at each midnight. It ends at the
/// live value, never decreases, and increases over a day by the day's sum.
struct CounterHistory {
    private struct Day {
        let day: UTCDay
        let before: Double
        let after: Double
    }

    private let days: [Day]
    private let counter: Double
    /// Whether the counter's values are integers.
    private let isWhole: Bool
    private let now: Timestamp

    /// - Parameters:
    ///   - counter: the current value.
    ///   - days: sums by day, in any order; sums of the same day are added.
    ///   - isWhole: whether the counter's values are integers.
    ///   - now: the end of the current day's sum.
    init(counter: ExactDecimal, days amounts: [(day: UTCDay, amount: ExactDecimal)], isWhole: Bool, now: Timestamp) {
        let sums = Dictionary(amounts.map { ($0.day, $0.amount) }, uniquingKeysWith: +)
        var after = counter
        var days: [Day] = []
        for (day, amount) in sums.sorted(by: { $0.key > $1.key }) {
            // Days with a negative sum did not decrease the counter, and reversed amounts did not increase it.
            let before = max(.zero, min(after, after - amount))
            days.append(Day(day: day, before: before.doubleValue, after: after.doubleValue))
            after = before
        }
        self.days = days.reversed()
        self.counter = counter.doubleValue
        self.isWhole = isWhole
        self.now = now
    }

    /// The first day with usage; nil if there is none.
    var firstDay: UTCDay? { days.first?.day }

    /// The counter's values at ascending timestamps.
    func values(at times: some Sequence<Timestamp>) -> [Double] {
        var index = 0
        return times.map { time in
            while index < days.count, end(of: days[index]) <= time { index += 1 }
            guard index < days.count else { return counter }
            let day = days[index]
            guard time > day.day.start else { return day.before }
            let share = (time - day.day.start).inSeconds / (end(of: day) - day.day.start).inSeconds
            let value = min(day.before + (day.after - day.before) * share, day.after)
            // Values between midnights are interpolated, so more digits would have no meaning.
            return isWhole ? value.rounded(.down) : max(day.before, (value * 1_000_000).rounded(.down) / 1_000_000)
        }
    }

    /// The end of a day; `now` for the current day.
    private func end(of day: Day) -> Timestamp {
        max(day.day.start + .seconds(1), min(day.day.advanced(by: 1).start, now))
    }
}
