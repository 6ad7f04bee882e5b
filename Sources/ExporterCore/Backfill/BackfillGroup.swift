import UsageLedger
import UsageModel

/// Series of the ledger that are served as one, with the history of what is served.
struct BackfillGroup {
    private let family: LedgerFamily
    /// The values of the family's labels, as they are served.
    let labels: [String]
    private var parts: [Part] = []

    /// What a series of the ledger adds to what is served.
    private struct Part {
        let total: SeriesTotal
        /// What it adds in the end.
        let amount: ExactDecimal
        /// What it adds elsewhere from then on: its newest days are not in this part.
        let later: ExactDecimal
    }

    /// An account's series put together as they are served, in the order of their ids.
    ///
    /// - Parameter view: what the config makes of the provider's labels.
    static func groups(
        of totals: [SeriesTotal], account: LedgerHistory.Account, view: LabelView
    ) -> [LedgerFamily: [BackfillGroup]] {
        var groups: [LedgerFamily: [BackfillGroup]] = [:]
        var places: [[String]: Int] = [:]
        func add(_ part: Part, to shown: [String]) {
            let total = part.total
            let name = [total.family.rawValue] + shown
            let place = places[name] ?? groups[total.family, default: []].count
            if places[name] == nil {
                places[name] = place
                groups[total.family, default: []].append(
                    BackfillGroup(family: total.family, labels: [account.provider, account.name] + shown))
            }
            groups[total.family]?[place].parts.append(part)
        }
        for total in totals where total.family != .reconciliation {
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

    /// Where the ledger of all of it begins.
    var startedAt: Timestamp { parts.map(\.total.startedAt).min() ?? Timestamp(milliseconds: 0) }

    /// The history of a counter.
    ///
    /// - Throws: what the ledger throws.
    func counter(_ ledger: LedgerHistory, now: Timestamp) throws -> CounterHistory {
        try history(of: parts, ledger, isWhole: family.countsWholeThings, now: now)
    }

    /// The histories of a histogram's buckets, each observation in one of them alone, and that of its sum.
    ///
    /// - Throws: what the ledger throws.
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

    /// Days without an amount that was used last.
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

extension LedgerFamily {
    /// Whether it counts things rather than money or time.
    fileprivate var countsWholeThings: Bool {
        switch self {
        case .requests, .outcomes, .tokens, .modalityRequests, .useapiResponses, .captchaAttempts, .captchaRetries,
            .tierRequests:
            true
        case .cost, .credits, .duration, .keyCost, .keyCredits, .modalityCost, .topups, .refunds, .corrections,
            .estimatedCost, .reconciliation:
            false
        }
    }
}

/// How a counter came to its present value: what the ledger's days say, told backwards from it.
///
/// The ledger keeps days, so inside a day the counter rises evenly; at each midnight it is exact. It ends at the value
/// that is served live, never falls, and its growth over a day is the day's sum.
struct CounterHistory {
    private struct Day {
        let day: UTCDay
        let before: Double
        let after: Double
    }

    private let days: [Day]
    private let counter: Double
    /// Whether only whole numbers can be counted.
    private let isWhole: Bool
    private let now: Timestamp

    /// A counter's history.
    ///
    /// - Parameters:
    ///   - counter: the value that is served now.
    ///   - days: sums by day, in any order; several counters' that are shown as one are added up.
    ///   - isWhole: whether only whole numbers can be counted.
    ///   - now: the moment up to which the present day's sum was used.
    init(counter: ExactDecimal, days amounts: [(day: UTCDay, amount: ExactDecimal)], isWhole: Bool, now: Timestamp) {
        let sums = Dictionary(amounts.map { ($0.day, $0.amount) }, uniquingKeysWith: +)
        var after = counter
        var days: [Day] = []
        for (day, amount) in sums.sorted(by: { $0.key > $1.key }) {
            // A day that took something back did not lower the counter, and one that was taken back did not raise it.
            let before = max(.zero, min(after, after - amount))
            days.append(Day(day: day, before: before.doubleValue, after: after.doubleValue))
            after = before
        }
        self.days = days.reversed()
        self.counter = counter.doubleValue
        self.isWhole = isWhole
        self.now = now
    }

    /// The first day with usage; nil where no day is known.
    var firstDay: UTCDay? { days.first?.day }

    /// The counter's values at ascending moments.
    func values(at moments: some Sequence<Timestamp>) -> [Double] {
        var place = 0
        return moments.map { moment in
            while place < days.count, end(of: days[place]) <= moment { place += 1 }
            guard place < days.count else { return counter }
            let day = days[place]
            guard moment > day.day.start else { return day.before }
            let share = (moment - day.day.start).inSeconds / (end(of: day) - day.day.start).inSeconds
            let value = min(day.before + (day.after - day.before) * share, day.after)
            // What lies between midnights is no figure of the provider's: more digits would say nothing.
            return isWhole ? value.rounded(.down) : max(day.before, (value * 1_000_000).rounded(.down) / 1_000_000)
        }
    }

    /// The present day ends now.
    private func end(of day: Day) -> Timestamp {
        max(day.day.start + .seconds(1), min(day.day.advanced(by: 1).start, now))
    }
}
