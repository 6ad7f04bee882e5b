import UsageLedger
import UsageModel

/// Turns sums over calendar days into the window gauges: exact, no extrapolation.
struct WindowRendering {
    /// The families that have windows.
    static let families: Set<LedgerFamily> = [.cost, .requests, .tokens, .outcomes]
    /// The outcome that a ratio is of.
    private static let success = "success"

    /// One series' sums, and which windows are whole for its source.
    private struct Part {
        let sums: [ExactDecimal]
        let visible: [Bool]
        /// Whether these are successes: a ratio has them among all whose outcome is known.
        let isSuccess: Bool
    }

    /// Series of the ledger that are shown as one: those under the same labels, and the outcomes that make one ratio.
    private struct Group {
        let key: Int64
        var parts: [Int64: Part] = [:]

        /// Whether a window is whole for all of the series: a partial sum is not served.
        private func isWhole(_ window: Int) -> Bool {
            !parts.isEmpty && parts.values.allSatisfy { $0.visible[window] }
        }

        /// The sum of a window; nil where it is not whole.
        func sum(_ window: Int) -> Double? {
            isWhole(window) ? parts.values.reduce(ExactDecimal.zero) { $0 + $1.sums[window] }.doubleValue : nil
        }

        /// Successes among all whose outcome is known; nil where there are none.
        func successRatio(_ window: Int) -> Double? {
            guard isWhole(window) else { return nil }
            var (successes, all) = (ExactDecimal.zero, ExactDecimal.zero)
            for part in parts.values {
                all += part.sums[window]
                if part.isSuccess { successes += part.sums[window] }
            }
            return all > .zero ? successes.doubleValue / all.doubleValue : nil
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
    /// Groups whose parts changed since they were last told of.
    private var touched: Set<GroupName> = []

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

    /// Takes series whose sums are known anew, and answers what to show for those that are shown as they are; a series
    /// without sums is outside all windows. `groupChanges` has the others.
    mutating func take(
        _ totals: [SeriesTotal], sums: [Int64: [ExactDecimal]], visible: (SeriesTotal) -> [Bool]
    ) throws -> [SeriesChange] {
        guard !windows.isEmpty else { return [] }
        var changes: [SeriesChange] = []
        for total in totals where Self.families.contains(total.family) {
            let labels = view.shown(total.labels, of: total.family.labelNames, rank: total.rank)
            // A series without usage in any window is not part of one, rather than 0 in all.
            let part = sums[total.id].map {
                Part(
                    sums: $0, visible: visible(total),
                    isSuccess: total.family == .outcomes && total.labels.last == Self.success)
            }
            if total.family != .outcomes, !view.isShared(total) {
                changes += try self.changes(total.family, total.id, labels) { window in
                    part.flatMap { $0.visible[window] ? $0.sums[window].doubleValue : nil }
                }
            } else {
                let name = GroupName(
                    family: total.family, labels: total.family == .outcomes ? labels.dropLast() : labels)
                groups[name, default: Group(key: total.id)].parts[total.id] = part
                touched.insert(name)
            }
        }
        return changes
    }

    /// What to show for series that were taken and are shown as a part of something: each costs a look at all parts.
    mutating func groupChanges() throws -> [SeriesChange] {
        defer { touched = [] }
        var changes: [SeriesChange] = []
        for name in touched {
            guard let group = groups[name] else { continue }
            changes += try self.changes(
                name.family, group.key, name.labels, name.family == .outcomes ? group.successRatio : group.sum)
        }
        return changes
    }

    /// One series of each window.
    private func changes(
        _ family: LedgerFamily, _ id: Int64, _ labels: [String], _ value: (_ window: Int) -> Double?
    ) throws -> [SeriesChange] {
        let name = WindowFamily.name(of: family)
        let labels = accountLabels + labels
        return try windows.indices.map { window in
            let value = value(window).map(SampleValue.number)
            return .set(
                family: name, account: account, key: id * Int64(windows.count) + Int64(window),
                labels: value == nil
                    ? .none : try MetricCatalogue.labels(labels + [windows[window].rawValue], of: name), value: value,
                created: nil)
        }
    }
}
