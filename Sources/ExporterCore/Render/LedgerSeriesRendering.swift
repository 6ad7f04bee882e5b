import UsageLedger
import UsageModel

/// Turns the ledger's totals into counters as they are shown: zero-first, under their shown labels, histograms put
/// together.
struct LedgerSeriesRendering {
    /// Series of the ledger that are shown as one.
    private struct Group {
        let key: Int64
        let startedAt: Timestamp
        var parts: [Int64: SeriesTotal] = [:]
    }

    private struct GroupName: Hashable {
        let family: LedgerFamily
        let labels: [String]
    }

    let account: Int
    let accountLabels: [String]
    let zeroFirst: Duration
    private let view: LabelView
    private var groups: [GroupName: Group] = [:]
    /// Groups whose parts changed since they were last told of.
    private var touched: Set<GroupName> = []
    /// Series that are shown as 0 for now, with the moment their value is due.
    private var held: [Int64: (total: SeriesTotal, until: Timestamp)] = [:]
    /// The latest moment seen: a clock that steps back must not make a shown value 0 again.
    private var latest = Timestamp(milliseconds: .min)

    private static let bucketPlaces = Dictionary(
        uniqueKeysWithValues: LedgerFamily.durationBuckets.enumerated().map { ($1, $0) })

    init(account: Int, accountLabels: [String], zeroFirst: Duration, view: LabelView) {
        self.account = account
        self.accountLabels = accountLabels
        self.zeroFirst = zeroFirst
        self.view = view
    }

    /// When the next series stops being shown as 0.
    var nextRelease: Timestamp? { held.values.map(\.until).min() }

    /// Takes totals that changed, and answers what to show for those that are shown as they are; `groupChanges` has the
    /// others.
    mutating func take(_ totals: [SeriesTotal], now: Timestamp) throws -> [SeriesChange] {
        latest = max(latest, now)
        var changes: [SeriesChange] = []
        changes.reserveCapacity(totals.count)
        for total in totals {
            let labels = view.served(total)
            if total.family == .duration || view.isShared(rank: total.rank) {
                touched.insert(group(total, GroupName(family: total.family, labels: labels)))
            } else {
                let value = SampleValue.number(isHeld(total) ? 0 : total.counter.doubleValue)
                changes.append(try change(total.family, total.id, labels, value, total.startedAt))
            }
        }
        return changes
    }

    /// What to show for totals that were taken and are shown as a part of something: each costs a look at all parts.
    mutating func groupChanges() throws -> [SeriesChange] {
        defer { touched = [] }
        return try touched.compactMap { name in
            guard let group = groups[name] else { return nil }
            let value = name.family == .duration ? histogram(of: group) : sum(of: group)
            return try change(name.family, group.key, name.labels, value, group.startedAt)
        }
    }

    /// What to show now that time has passed: held series whose time has come.
    mutating func release(now: Timestamp) throws -> [SeriesChange] {
        latest = max(latest, now)
        let due = held.values.filter { $0.until <= latest }.map(\.total)
        for total in due { held[total.id] = nil }
        return try take(due, now: now) + groupChanges()
    }

    /// Whether a series is shown as 0 for now. A bucket that is first used later belongs to a histogram that is shown.
    private mutating func isHeld(_ total: SeriesTotal, since bornAt: Timestamp?) -> Bool {
        guard let bornAt, total.family != .reconciliation, latest >= bornAt, latest < bornAt + zeroFirst else {
            held[total.id] = nil
            return false
        }
        held[total.id] = (total, bornAt + zeroFirst)
        return true
    }

    private mutating func isHeld(_ total: SeriesTotal) -> Bool { isHeld(total, since: total.bornAt) }

    private mutating func group(_ total: SeriesTotal, _ name: GroupName) -> GroupName {
        groups[name, default: Group(key: total.id, startedAt: total.startedAt)].parts[total.id] = total
        return name
    }

    private mutating func sum(of group: Group) -> SampleValue {
        var sum = ExactDecimal.zero
        for part in group.parts.values where !isHeld(part) { sum += part.counter }
        return .number(sum.doubleValue)
    }

    private mutating func histogram(of group: Group) -> SampleValue {
        var counts = [UInt64](repeating: 0, count: LedgerFamily.durationBuckets.count)
        var seconds = ExactDecimal.zero
        let isHistory = group.parts.values.contains { $0.bornAt == nil }
        let bornAt = isHistory ? nil : group.parts.values.compactMap(\.bornAt).min()
        for part in group.parts.values where !isHeld(part, since: bornAt) {
            if part.labels[2] == LedgerFamily.durationSum {
                seconds += part.counter
            } else if let place = Self.bucketPlaces[part.labels[2]] {
                counts[place] += UInt64(max(0, part.counter.wholeNumber ?? 0))
            }
        }
        return .histogram(counts: counts, sum: seconds.doubleValue)
    }

    private func change(
        _ family: LedgerFamily, _ key: Int64, _ labels: [String], _ value: SampleValue, _ startedAt: Timestamp
    ) throws -> SeriesChange {
        .set(
            family: family.rawValue, account: account, key: key,
            labels: try MetricCatalogue.labels(accountLabels + labels, of: family.rawValue), value: value,
            created: startedAt)
    }
}
