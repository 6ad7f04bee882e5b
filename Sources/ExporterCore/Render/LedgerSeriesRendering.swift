import UsageLedger
import UsageModel

/// Turns the ledger's totals into counters as they are served: new series at 0 first, under their served labels,
/// histograms put together.
struct LedgerSeriesRendering {
    /// What a series adds to one served series.
    private struct Part {
        let total: SeriesTotal
        let amount: ExactDecimal
    }

    private struct PartName: Hashable {
        let series: Int64
        /// Whether this is what the series left behind under labels that are no longer its own.
        let isLeftBehind: Bool
    }

    /// Series of the ledger that are served as one.
    private struct Group {
        let key: Int64
        var parts: [PartName: Part] = [:]

        /// When the first of its parts began to count.
        var countedSince: Timestamp? { parts.values.map(\.total.countedSince).min() }
    }

    private struct GroupName: Hashable {
        let family: LedgerFamily
        let labels: [String]
    }

    let account: Int
    let accountLabels: [String]
    private let view: LabelView
    private var groups: [GroupName: Group] = [:]
    /// Groups whose parts changed since their changes were last taken.
    private var touched: Set<GroupName> = []
    private(set) var held: HeldSeries

    private static let bucketIndexes = Dictionary(
        uniqueKeysWithValues: LedgerFamily.durationBuckets.enumerated().map { ($1, $0) })

    /// - Parameter zeroFirst: how long a new series stays at 0 after a scrape has seen it; nil to hold none.
    init(account: Int, accountLabels: [String], zeroFirst: Duration?, view: LabelView) {
        self.account = account
        self.accountLabels = accountLabels
        held = HeldSeries(zeroFirst: zeroFirst)
        self.view = view
    }

    /// Takes totals that changed, and returns the changes of those that are served as they are; `groupChanges` returns the
    /// others.
    mutating func take(_ totals: [SeriesTotal]) throws -> [SeriesChange] {
        var changes: [SeriesChange] = []
        changes.reserveCapacity(totals.count)
        for total in totals {
            let labels = view.served(total)
            let own = total.counter - total.elsewhere
            if total.family == .duration || view.isShared(total) {
                add(own, of: total, to: labels)
            } else {
                let isHeld = held.hold(total)
                let value = SampleValue.number(isHeld ? 0 : own.doubleValue)
                changes.append(try change(total.family, total.id, labels, value, total.countedSince))
            }
            if !total.elsewhere.isZero, !view.isOverflow(total) {
                add(total.elsewhere, of: total, to: view.servedFolded(total), isLeftBehind: true)
            }
        }
        return changes
    }

    /// The changes of totals that were taken and are served as a part of something: each costs a look at all parts.
    mutating func groupChanges() throws -> [SeriesChange] {
        defer { touched = [] }
        return try touched.compactMap { name in
            guard let group = groups[name] else { return nil }
            let value = name.family == .duration ? histogram(of: group) : sum(of: group)
            return try change(name.family, group.key, name.labels, value, group.countedSince)
        }
    }

    /// Takes note that what was taken is in a snapshot.
    mutating func appeared(in snapshot: UInt64, isFirst: Bool) { held.appeared(in: snapshot, isFirst: isFirst) }

    /// Series whose time at 0 is over: to be recorded as released, then taken again.
    mutating func releasable(served: ServedSnapshot?, now: Timestamp) -> [Int64] {
        held.releasable(served: served, now: now)
    }

    private mutating func add(
        _ amount: ExactDecimal, of total: SeriesTotal, to labels: [String], isLeftBehind: Bool = false
    ) {
        let name = GroupName(family: total.family, labels: labels)
        // A negative number is no row of the ledger: the key of a series that has none of its own.
        let key = isLeftBehind ? -total.id : total.id
        groups[name, default: Group(key: key)]
            .parts[PartName(series: total.id, isLeftBehind: isLeftBehind)] = Part(total: total, amount: amount)
        touched.insert(name)
    }

    private mutating func sum(of group: Group) -> SampleValue {
        var sum = ExactDecimal.zero
        for (name, part) in group.parts where name.isLeftBehind || !held.hold(part.total) { sum += part.amount }
        return .number(sum.doubleValue)
    }

    /// A bucket that is first used later belongs to a histogram that is served already.
    private mutating func histogram(of group: Group) -> SampleValue {
        var counts = [UInt64](repeating: 0, count: LedgerFamily.durationBuckets.count)
        var seconds = ExactDecimal.zero
        let isHeld = held.hold(group.parts.values.map(\.total), as: group.key)
        for (name, part) in group.parts where name.isLeftBehind || !isHeld {
            if part.total.labels[2] == LedgerFamily.durationSum {
                seconds += part.amount
            } else if let index = Self.bucketIndexes[part.total.labels[2]] {
                counts[index] += UInt64(max(0, part.amount.wholeNumber ?? 0))
            }
        }
        return .histogram(counts: counts, sum: seconds.doubleValue)
    }

    private func change(
        _ family: LedgerFamily, _ key: Int64, _ labels: [String], _ value: SampleValue, _ countedSince: Timestamp?
    ) throws -> SeriesChange {
        .set(
            family: family.rawValue, account: account, key: key,
            labels: try MetricCatalogue.labels(accountLabels + labels, of: family.rawValue), value: value,
            created: countedSince)
    }
}
