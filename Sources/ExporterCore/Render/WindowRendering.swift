import UsageLedger
import UsageModel

/// Turns exact sums of calendar days into the window gauges.
struct WindowRendering {
    /// The gauge of each ledger family that has windows.
    static let gauges: [LedgerFamily: GaugeFamily] = [
        .cost: .windowCost, .requests: .windowRequests, .tokens: .windowTokens, .outcomes: .windowSuccessRatio,
    ]
    /// The value of the label `outcome` that the ratio counts.
    private static let success = "success"

    /// The sums of one series, and whether each window is complete for its source.
    private struct Part {
        let sums: [ExactDecimal]
        let visible: [Bool]
        /// Whether the series counts successes.
        let isSuccess: Bool
    }

    /// Series of the ledger that are merged: those with the same served labels, and the outcomes of one ratio.
    private struct Group {
        let key: Int64
        var parts: [Int64: Part] = [:]

        /// Returns whether a window is complete for all of the series: a partial sum is not served.
        private func isWhole(_ window: Int) -> Bool {
            !parts.isEmpty && parts.values.allSatisfy { $0.visible[window] }
        }

        /// The sum of a window; nil if it is incomplete.
        func sum(_ window: Int) -> Double? {
            isWhole(window) ? parts.values.reduce(ExactDecimal.zero) { $0 + $1.sums[window] }.doubleValue : nil
        }

        /// The share of successes among the requests with a known outcome; nil if there are none.
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
    private let catalogue: MetricCatalogue
    private var groups: [GroupName: Group] = [:]
    /// Groups whose parts changed since the last `groupChanges`.
    private var touched: Set<GroupName> = []

    init(
        account: Int, accountLabels: [String], windows: [WindowSpan], view: LabelView, catalogue: MetricCatalogue
    ) {
        self.catalogue = catalogue
        self.account = account
        self.accountLabels = accountLabels
        self.windows = windows
        self.view = view
    }

    /// The days of each window at a given time.
    func spans(at now: Timestamp) -> [ClosedRange<UTCDay>] {
        windows.map { $0.days(on: now.day) }
    }

    /// Applies new sums, and returns the changes of series that are served unmerged; `groupChanges` returns the others.
    /// A series without sums has no usage in any window.
    mutating func take(
        _ totals: [SeriesTotal], sums: [Int64: [ExactDecimal]], visible: (SeriesTotal) -> [Bool]
    ) throws -> [SeriesChange] {
        guard !windows.isEmpty else { return [] }
        var changes: [SeriesChange] = []
        for total in totals where Self.gauges[total.family] != nil {
            let labels = view.shown(total.labels, of: total.family.labelNames, rank: total.rank)
            // A series without usage in any window is hidden rather than served as 0.
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

    /// The changes of merged series since the last call. Each of them sums all of its parts.
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
        let name = Self.gauges[family, default: .windowCost].name
        let labels = accountLabels + labels
        return try windows.indices.map { window in
            let value = value(window).map(SampleValue.number)
            return .set(
                family: name, account: account, key: id * Int64(windows.count) + Int64(window),
                labels: value == nil
                    ? .none : try catalogue.labels(labels + [windows[window].rawValue], of: name), value: value,
                created: nil)
        }
    }
}
