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

/// New series that are served as 0 for now, so that `increase()` sees their first step (metrics law 9).
///
/// A series is held until a scrape has served a snapshot in which it is 0, and `zeroFirst` has passed since. What is
/// released is recorded in the ledger and never held again.
struct HeldSeries {
    private struct Entry {
        let series: [Int64]
        /// The first snapshot in which it is 0; nil until one is published.
        var snapshot: UInt64?
        /// When a scrape of it was noticed.
        var seenAt: Timestamp?
    }

    private let zeroFirst: Duration?
    /// By the key under which it is served.
    private var entries: [Int64: Entry] = [:]

    /// - Parameter zeroFirst: how long a series stays at 0 after a scrape has seen it; nil or zero to hold none.
    init(zeroFirst: Duration?) {
        self.zeroFirst = zeroFirst == .zero ? nil : zeroFirst
    }

    /// Whether new series are held at all.
    var isHolding: Bool { zeroFirst != nil }

    /// Whether any series is held.
    var isEmpty: Bool { entries.isEmpty }

    /// Whether a series is served as 0 for now.
    mutating func hold(_ total: SeriesTotal) -> Bool { hold([total], as: total.id) }

    /// Whether series that are served together, under one key, are served as 0 for now: none of them was served before.
    mutating func hold(_ totals: [SeriesTotal], as key: Int64) -> Bool {
        guard zeroFirst != nil, totals.allSatisfy(\.isNew) else {
            entries[key] = nil
            return false
        }
        let before = entries[key]
        entries[key] = Entry(series: totals.map(\.id), snapshot: before?.snapshot, seenAt: before?.seenAt)
        return true
    }

    /// Takes note that all that is held is 0 in a snapshot.
    ///
    /// - Parameter isFirst: whether nothing was visible before, whatever was published.
    mutating func appeared(in snapshot: UInt64, isFirst: Bool) {
        for key in entries.keys where isFirst || entries[key]?.snapshot == nil {
            entries[key]?.snapshot = snapshot
            entries[key]?.seenAt = nil
        }
    }

    /// Series whose time at 0 is over.
    ///
    /// - Parameter served: the newest snapshot that a scrape was given whole; nil where there was none.
    mutating func releasable(served: ServedSnapshot?, now: Timestamp) -> [Int64] {
        guard let zeroFirst, let served else { return [] }
        var released: [Int64] = []
        for (key, entry) in entries {
            guard let first = entry.snapshot, first <= served.number else { continue }
            // A clock that was set back since must not hold it for longer than `zeroFirst`.
            let seenAt = min(entry.seenAt ?? served.at, now)
            entries[key]?.seenAt = seenAt
            if now - seenAt >= zeroFirst { released += entry.series }
        }
        return released.sorted()
    }
}

extension SeriesTotal {
    /// Whether it was born after its source's history and never served with its value.
    var isNew: Bool { bornAt != nil && !isReleased && family != .reconciliation }
}
