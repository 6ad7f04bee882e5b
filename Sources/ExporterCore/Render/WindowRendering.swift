import UsageLedger
import UsageModel

/// Turns sums over calendar days into the window gauges: exact, no extrapolation.
struct WindowRendering {
    /// The families that have windows.
    static let families: Set<LedgerFamily> = [.cost, .requests, .tokens, .outcomes]

    let account: Int
    let accountLabels: [String]
    let windows: [WindowSpan]
    /// Outcomes are two series that make one ratio: the sums of each, by key and model.
    private var outcomes: [[String]: Outcomes] = [:]

    private struct Outcomes {
        let key: Int64
        var success: [ExactDecimal]
        var failure: [ExactDecimal]
    }

    init(account: Int, accountLabels: [String], windows: [WindowSpan]) {
        self.account = account
        self.accountLabels = accountLabels
        self.windows = windows
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
        var changes: [SeriesChange] = []
        var ratios: [[String]: [Bool]] = [:]
        for total in totals where Self.families.contains(total.family) {
            let shown = visible(total)
            let windowSums = sums[total.id]
            if let family = WindowFamily.name(of: total.family) {
                for (index, window) in windows.enumerated() {
                    let value = shown[index] ? windowSums.map { $0[index].doubleValue } : nil
                    changes.append(
                        change(family, total.id, index, total.labels + [window.rawValue], value))
                }
            } else {
                take(total, windowSums ?? windows.map { _ in .zero })
                ratios[Array(total.labels.prefix(2))] = shown
            }
        }
        for (labels, shown) in ratios {
            guard let pair = outcomes[labels] else { continue }
            for (index, window) in windows.enumerated() {
                let all = pair.success[index] + pair.failure[index]
                let isKnown = shown[index] && all > .zero
                changes.append(
                    change(
                        WindowFamily.successRatio, pair.key, index, labels + [window.rawValue],
                        isKnown ? pair.success[index].doubleValue / all.doubleValue : nil))
            }
        }
        return changes
    }

    private mutating func take(_ total: SeriesTotal, _ sums: [ExactDecimal]) {
        let labels = Array(total.labels.prefix(2))
        let none = windows.map { _ in ExactDecimal.zero }
        var pair = outcomes[labels] ?? Outcomes(key: total.id, success: none, failure: none)
        if total.labels[2] == "success" { pair.success = sums } else { pair.failure = sums }
        outcomes[labels] = pair
    }

    private func change(
        _ family: String, _ id: Int64, _ window: Int, _ labels: [String], _ value: Double?
    ) -> SeriesChange {
        .set(
            family: family, account: account, key: id * Int64(windows.count) + Int64(window),
            labels: accountLabels + labels, value: value.map(SampleValue.number), created: nil)
    }
}
