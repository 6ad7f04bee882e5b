import UsageLedger
import UsageModel

/// Turns the ledger's totals into the served counters: new series begin at 0, series with equal served labels are
/// merged, and buckets are combined into histograms.
struct LedgerSeriesRendering {
    /// A ledger series' contribution to one served series.
    private struct Part {
        let total: SeriesTotal
        let amount: ExactDecimal
    }

    private struct PartName: Hashable {
        let series: Int64
        /// Whether this is the amount that remains under labels that the series no longer has.
        let isLeftBehind: Bool
    }

    /// Series of the ledger that are merged into one served series.
    private struct Group {
        let key: Int64
        var parts: [PartName: Part] = [:]

        /// The earliest start of its parts.
        var countedSince: Timestamp? { parts.values.map(\.total.countedSince).min() }
    }

    private struct GroupName: Hashable {
        let family: LedgerFamily
        let labels: [String]
    }

    let account: Int
    let accountLabels: [String]
    private let view: LabelView
    private let catalogue: MetricCatalogue
    private var groups: [GroupName: Group] = [:]
    /// Groups whose parts changed since the last `groupChanges`.
    private var touched: Set<GroupName> = []
    private(set) var held: HeldSeries

    private static let bucketIndexes = Dictionary(
        uniqueKeysWithValues: LedgerFamily.durationBuckets.enumerated().map { ($1, $0) })

    /// - Parameter zeroFirst: how long a new series stays at 0 after a scrape has seen it; nil to hold none at 0.
    init(
        account: Int, accountLabels: [String], zeroFirst: Duration?, view: LabelView, catalogue: MetricCatalogue
    ) {
        self.catalogue = catalogue
        self.account = account
        self.accountLabels = accountLabels
        held = HeldSeries(zeroFirst: zeroFirst)
        self.view = view
    }

    /// Applies totals that changed, and returns the changes of series that are served unmerged; `groupChanges` returns
    /// the others.
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

    /// The changes of merged series since the last call. Each of them sums all of its parts.
    mutating func groupChanges() throws -> [SeriesChange] {
        defer { touched = [] }
        return try touched.compactMap { name in
            guard let group = groups[name] else { return nil }
            let value = name.family == .duration ? histogram(of: group) : sum(of: group)
            return try change(name.family, group.key, name.labels, value, group.countedSince)
        }
    }

    /// Records that the applied series are in a snapshot.
    mutating func appeared(in snapshot: UInt64, isFirst: Bool) { held.appeared(in: snapshot, isFirst: isFirst) }

    /// Series whose time at 0 is over: the caller records them as released, then applies them again.
    mutating func releasable(served: ServedSnapshot?, now: Timestamp) -> [Int64] {
        held.releasable(served: served, now: now)
    }

    private mutating func add(
        _ amount: ExactDecimal, of total: SeriesTotal, to labels: [String], isLeftBehind: Bool = false
    ) {
        let name = GroupName(family: total.family, labels: labels)
        // Row ids of the ledger are positive, so a negative one is free as the key of a remaining amount.
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

    /// A new bucket of a histogram that is already served is not held at 0.
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
            family: family.name, account: account, key: key,
            labels: try catalogue.labels(accountLabels + labels, of: family.name), value: value,
            created: countedSince)
    }
}

/// New series that are first served as 0, so that `increase()` sees their first step (metrics law 9).
///
/// A series is held until a scrape was served a snapshot in which it is 0, and `zeroFirst` has passed since. The
/// ledger records its release, after which it is never held again.
struct HeldSeries {
    private struct Entry {
        let series: [Int64]
        /// The first snapshot in which it is 0; nil until one is published.
        var snapshot: UInt64?
        /// When that snapshot was scraped.
        var seenAt: Timestamp?
    }

    private let zeroFirst: Duration?
    /// By the key under which it is served.
    private var entries: [Int64: Entry] = [:]

    /// - Parameter zeroFirst: how long a series stays at 0 after a scrape has seen it; nil or zero to hold none at 0.
    init(zeroFirst: Duration?) {
        self.zeroFirst = zeroFirst == .zero ? nil : zeroFirst
    }

    /// Whether new series are held at 0.
    var isHolding: Bool { zeroFirst != nil }

    /// Whether any series is held.
    var isEmpty: Bool { entries.isEmpty }

    /// Returns whether a series is held at 0.
    mutating func hold(_ total: SeriesTotal) -> Bool { hold([total], as: total.id) }

    /// Returns whether series that are merged under one key are held at 0: none of them was served before.
    mutating func hold(_ totals: [SeriesTotal], as key: Int64) -> Bool {
        guard zeroFirst != nil, totals.allSatisfy(\.isNew) else {
            entries[key] = nil
            return false
        }
        let before = entries[key]
        entries[key] = Entry(series: totals.map(\.id), snapshot: before?.snapshot, seenAt: before?.seenAt)
        return true
    }

    /// Records that all held series are 0 in a snapshot.
    ///
    /// - Parameter isFirst: whether the account was hidden in all earlier snapshots.
    mutating func appeared(in snapshot: UInt64, isFirst: Bool) {
        for key in entries.keys where isFirst || entries[key]?.snapshot == nil {
            entries[key]?.snapshot = snapshot
            entries[key]?.seenAt = nil
        }
    }

    /// Series whose time at 0 is over.
    ///
    /// - Parameter served: the newest snapshot that a scrape was served completely; nil if there is none.
    mutating func releasable(served: ServedSnapshot?, now: Timestamp) -> [Int64] {
        guard let zeroFirst, let served else { return [] }
        var released: [Int64] = []
        for (key, entry) in entries {
            guard let first = entry.snapshot, first <= served.number else { continue }
            // A clock that was set back must not hold the series for longer than `zeroFirst`.
            let seenAt = min(entry.seenAt ?? served.at, now)
            entries[key]?.seenAt = seenAt
            if now - seenAt >= zeroFirst { released += entry.series }
        }
        return released.sorted()
    }
}

extension SeriesTotal {
    /// Whether it was created after its source's history was read, and never served with its value.
    var isNew: Bool { bornAt != nil && !isReleased && family != .reconciliation }
}
