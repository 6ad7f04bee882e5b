import UsageLedger
import UsageModel

/// Turns sums over calendar days into the window gauges: exact, no extrapolation.
struct WindowRendering {
    /// The families that have windows.
    static let families: Set<LedgerFamily> = [.cost, .requests, .tokens, .outcomes]

    /// One series' sums, and which windows are whole for its source.
    private struct Part {
        let sums: [ExactDecimal]
        let visible: [Bool]
    }

    /// Series of the ledger that are shown as one.
    private struct Group {
        let key: Int64
        var parts: [Int64: Part] = [:]

        /// The sum of a window; nil where it is whole for none of the series.
        func sum(_ window: Int) -> ExactDecimal? {
            let whole = parts.values.filter { $0.visible[window] }
            return whole.isEmpty ? nil : whole.reduce(.zero) { $0 + $1.sums[window] }
        }
    }

    private struct GroupName: Hashable {
        let family: LedgerFamily
        let labels: [String]
    }

    let account: Int
    let accountLabels: [String]
    let windows: [WindowSpan]
    private let view: LabelView
    private var groups: [GroupName: Group] = [:]
    private var ratioKeys: [[String]: Int64] = [:]

    init(account: Int, accountLabels: [String], windows: [WindowSpan], view: LabelView) {
        self.account = account
        self.accountLabels = accountLabels
        self.windows = windows
        self.view = view
    }

    /// The days of each window as seen at a moment.
    func spans(at now: Timestamp) -> [ClosedRange<UTCDay>] {
        windows.map { $0.days(on: now.day) }
    }

    /// Which windows are whole: they begin with or after the ledger, and the data reach into them.
    static func visible(
        _ spans: [ClosedRange<UTCDay>], ledgerStart: Timestamp, dataThrough: Timestamp?
    ) -> [Bool] {
        spans.map { span in
            guard let dataThrough else { return false }
            return span.lowerBound.start >= ledgerStart && dataThrough > span.lowerBound.start
        }
    }

    /// What to show for series whose sums are known anew; a series without sums is outside all windows.
    mutating func changes(
        for totals: [SeriesTotal], sums: [Int64: [ExactDecimal]], visible: (SeriesTotal) -> [Bool]
    ) -> [SeriesChange] {
        guard !windows.isEmpty else { return [] }
        var changes: [SeriesChange] = []
        var touched: Set<GroupName> = []
        for total in totals where Self.families.contains(total.family) {
            let labels = view.shown(total.labels, of: total.family.labelNames, rank: total.rank)
            // A series without usage in any window is not part of one, rather than 0 in all.
            let part = sums[total.id].map { Part(sums: $0, visible: visible(total)) }
            if total.family != .outcomes, !view.isShared(rank: total.rank) {
                for index in windows.indices {
                    let value = part.flatMap { $0.visible[index] ? $0.sums[index].doubleValue : nil }
                    changes.append(change(total.family, total.id, index, labels, value))
                }
            } else {
                let name = GroupName(family: total.family, labels: labels)
                groups[name, default: Group(key: total.id)].parts[total.id] = part
                touched.insert(name)
            }
        }
        for name in touched {
            for index in windows.indices {
                changes.append(name.family == .outcomes ? ratio(name, index) : sum(name, index))
            }
        }
        return changes
    }

    private func sum(_ name: GroupName, _ window: Int) -> SeriesChange {
        let group = groups[name]
        return change(name.family, group?.key ?? 0, window, name.labels, group?.sum(window)?.doubleValue)
    }

    /// Outcomes are two series that make one ratio.
    private mutating func ratio(_ name: GroupName, _ window: Int) -> SeriesChange {
        let pair = Array(name.labels.prefix(2))
        let successes = groups[GroupName(family: .outcomes, labels: pair + ["success"])]
        let failures = groups[GroupName(family: .outcomes, labels: pair + ["failure"])]
        let good = successes?.sum(window) ?? .zero
        let all = good + (failures?.sum(window) ?? .zero)
        // Either may come first; the ratio keeps the key that it was first shown by.
        let key = ratioKeys[pair] ?? successes?.key ?? failures?.key ?? 0
        ratioKeys[pair] = key
        return change(.outcomes, key, window, pair, all > .zero ? good.doubleValue / all.doubleValue : nil)
    }

    private func change(
        _ family: LedgerFamily, _ id: Int64, _ window: Int, _ labels: [String], _ value: Double?
    ) -> SeriesChange {
        .set(
            family: WindowFamily.name(of: family), account: account, key: id * Int64(windows.count) + Int64(window),
            labels: accountLabels + labels + [windows[window].rawValue], value: value.map(SampleValue.number),
            created: nil)
    }
}
