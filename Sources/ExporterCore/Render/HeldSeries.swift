import UsageLedger
import UsageModel

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
