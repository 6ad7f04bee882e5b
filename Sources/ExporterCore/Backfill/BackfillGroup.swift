import UsageLedger
import UsageModel

/// Series of the ledger that are served as one, with the history of what is served.
struct BackfillGroup {
    private let family: LedgerFamily
    /// The values of the family's labels, as they are served.
    let labels: [String]
    private var parts: [SeriesTotal] = []

    /// An account's series put together as they are served, in the order of their ids.
    ///
    /// - Parameter view: what the config makes of the provider's labels.
    static func groups(
        of totals: [SeriesTotal], account: LedgerHistory.Account, view: LabelView
    ) -> [LedgerFamily: [BackfillGroup]] {
        var groups: [LedgerFamily: [BackfillGroup]] = [:]
        var places: [[String]: Int] = [:]
        // Reconciliation is a gauge: it has no past.
        for total in totals where total.family != .reconciliation {
            let shown = view.served(total)
            let name = [total.family.rawValue] + shown
            let place = places[name] ?? groups[total.family, default: []].count
            if places[name] == nil {
                places[name] = place
                groups[total.family, default: []].append(
                    BackfillGroup(family: total.family, labels: [account.provider, account.name] + shown))
            }
            groups[total.family]?[place].parts.append(total)
        }
        return groups
    }

    private init(family: LedgerFamily, labels: [String]) {
        self.family = family
        self.labels = labels
    }

    /// Where the ledger of all of it begins.
    var startedAt: Timestamp { parts.map(\.startedAt).min() ?? Timestamp(milliseconds: 0) }

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
                try history(of: parts.filter { $0.labels.last == bucket }, ledger, isWhole: true, now: now)
            },
            try history(
                of: parts.filter { $0.labels.last == LedgerFamily.durationSum }, ledger, isWhole: false, now: now)
        )
    }

    private func history(
        of parts: [SeriesTotal], _ ledger: LedgerHistory, isWhole: Bool, now: Timestamp
    ) throws -> CounterHistory {
        CounterHistory(
            counter: parts.reduce(.zero) { $0 + $1.counter }, days: try parts.flatMap { try ledger.days(of: $0.id) },
            isWhole: isWhole, now: now)
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
