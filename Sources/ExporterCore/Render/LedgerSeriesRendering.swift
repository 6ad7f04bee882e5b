import UsageLedger
import UsageModel

/// Turns the ledger's totals into counters as they are shown: zero-first, histograms put together, gauges apart.
struct LedgerSeriesRendering {
    private struct Histogram {
        let key: Int64
        let startedAt: Timestamp
        var bornAt: Timestamp?
        var counts: [UInt64]
        var sum = 0.0
    }

    let account: Int
    let accountLabels: [String]
    let zeroFirst: Duration
    private var histograms: [[String]: Histogram] = [:]
    /// Series that are shown as 0 for now, with the moment their value is due.
    private var held: [Int64: (total: SeriesTotal, until: Timestamp)] = [:]
    /// The latest moment seen: a clock that steps back must not make a shown value 0 again.
    private var latest = Timestamp(milliseconds: .min)

    private static let places: [String: Int] = {
        var places: [String: Int] = [:]
        for (index, bound) in LedgerFamily.durationBounds.enumerated() { places["\(bound)"] = index }
        places["+Inf"] = LedgerFamily.durationBounds.count
        return places
    }()

    init(account: Int, accountLabels: [String], zeroFirst: Duration) {
        self.account = account
        self.accountLabels = accountLabels
        self.zeroFirst = zeroFirst
    }

    /// When the next series stops being shown as 0.
    var nextRelease: Timestamp? { held.values.map(\.until).min() }

    /// What to show for totals that changed.
    mutating func changes(for totals: [SeriesTotal], now: Timestamp) -> [SeriesChange] {
        latest = max(latest, now)
        var changes: [SeriesChange] = []
        var touched: Set<[String]> = []
        for total in totals {
            if total.family == .duration {
                take(bucket: total)
                touched.insert(Array(total.labels.prefix(2)))
            } else {
                changes.append(change(for: total))
            }
        }
        return changes + touched.compactMap(histogramChange)
    }

    /// What to show now that time has passed: held series whose time has come.
    mutating func release(now: Timestamp) -> [SeriesChange] {
        latest = max(latest, now)
        let due = held.values.filter { $0.until <= latest }.map(\.total)
        for total in due { held[total.id] = nil }
        return changes(for: due, now: now)
    }

    private mutating func change(for total: SeriesTotal) -> SeriesChange {
        let shown = total.family == .reconciliation ? total.sum : total.counter
        let isZero = isHeld(total, bornAt: total.bornAt)
        return .set(
            family: total.family.rawValue, account: account, key: total.id, labels: accountLabels + total.labels,
            value: .number(isZero ? 0 : shown.doubleValue), created: total.startedAt)
    }

    private mutating func isHeld(_ total: SeriesTotal, bornAt: Timestamp?) -> Bool {
        guard let bornAt, total.family != .reconciliation, latest >= bornAt, latest < bornAt + zeroFirst else {
            held[total.id] = nil
            return false
        }
        held[total.id] = (total, bornAt + zeroFirst)
        return true
    }

    private mutating func take(bucket total: SeriesTotal) {
        let group = Array(total.labels.prefix(2))
        var histogram =
            histograms[group]
            ?? Histogram(
                key: total.id, startedAt: total.startedAt, bornAt: total.bornAt,
                counts: Array(repeating: 0, count: LedgerFamily.durationBounds.count + 1))
        // A bucket that is first used later belongs to a histogram that is already shown.
        histogram.bornAt = histogram.bornAt.flatMap { first in total.bornAt.map { min(first, $0) } }
        if total.labels[2] == LedgerFamily.durationSum {
            histogram.sum = total.counter.doubleValue
        } else if let place = Self.places[total.labels[2]] {
            histogram.counts[place] = UInt64(max(0, total.counter.wholeNumber ?? 0))
        }
        histograms[group] = histogram
        _ = isHeld(total, bornAt: histogram.bornAt)
    }

    private func histogramChange(_ group: [String]) -> SeriesChange? {
        guard let histogram = histograms[group] else { return nil }
        let isZero = histogram.bornAt.map { latest >= $0 && latest < $0 + zeroFirst } ?? false
        let value = SampleValue.histogram(
            counts: isZero ? histogram.counts.map { _ in 0 } : histogram.counts, sum: isZero ? 0 : histogram.sum)
        return .set(
            family: LedgerFamily.duration.rawValue, account: account, key: histogram.key,
            labels: accountLabels + group, value: value, created: histogram.startedAt)
    }
}
