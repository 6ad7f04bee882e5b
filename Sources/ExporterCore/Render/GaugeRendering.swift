import UsageModel

/// Merges the gauges of an account's sources, because several sources may report the same family.
struct GaugeRendering {
    let account: Int
    let accountLabels: [String]
    private let view: LabelView
    private var bySource: [GaugeFamily: [String: [GaugeSample]]] = [:]
    /// The last reading of each source.
    private var lastReading: [String: Timestamp] = [:]
    /// Rolling windows that are too old to be served, by source.
    private var expired: [String: Set<RollingWindow>] = [:]

    init(account: Int, accountLabels: [String], view: LabelView) {
        self.account = account
        self.accountLabels = accountLabels
        self.view = view
    }

    /// A family's samples as they are served, without the account's labels.
    ///
    /// If two sources report the same labels, the first source's sample is served. Samples whose labels the config
    /// makes equal are merged by the family's rule.
    func samples(of family: GaugeFamily) -> [GaugeSample] {
        let known = bySource[family, default: [:]]
        let identified = family == .keyInfo ? Self.identifiedKeys(known) : []
        var measured: Set<[String]> = []
        var order: [[String]] = []
        var values: [[String]: Double] = [:]
        let current = known.sorted { $0.key < $1.key }.flatMap { source, samples in
            samples.filter { !isExpired($0, of: family, from: source) }
        }
        for sample in current
        where sample.labels.count <= family.labelNames.count && measured.insert(sample.labels).inserted {
            // Trailing labels may be missing: the provider's budgets have no label `budget`.
            let missing = Array(repeating: "", count: family.labelNames.count - sample.labels.count)
            let labels = view.shown(sample.labels + missing, of: family.labelNames)
            if family == .keyInfo, sample.labels[1].isEmpty, identified.contains(sample.labels[0]) { continue }
            if let before = values[labels] {
                values[labels] = family.merge(before, sample.value)
            } else {
                order.append(labels)
                values[labels] = sample.value
            }
        }
        return order.map { GaugeSample($0, values[$0] ?? 0) }
    }

    /// The changes after the gauges of the config's budgets were computed; a missing family has no samples.
    mutating func changes(ofBudgets gauges: [GaugeFamily: [GaugeSample]]) -> [SeriesChange] {
        changes(
            for: Dictionary(
                GaugeFamily.budgets.map { ($0, gauges[$0] ?? []) }, uniquingKeysWith: { first, _ in first }),
            from: "config")
    }

    /// The keys of a family whose first label is `key`, as the provider names them.
    func keys(of family: GaugeFamily) -> Set<String> {
        Set(bySource[family, default: [:]].values.joined().compactMap(\.labels.first))
    }

    /// The changes after a source reported new gauges.
    mutating func changes(for gauges: [GaugeFamily: [GaugeSample]], from source: String) -> [SeriesChange] {
        gauges.map { family, samples in
            bySource[family, default: [:]][source] = samples
            return replacement(of: family)
        }
    }

    /// The changes after a source's sync.
    mutating func changes(for status: SyncStatus, of source: String, now: Timestamp) -> [SeriesChange] {
        lastReading[source] = status.lastReading
        return expire(now: now)
    }

    /// The changes that depend only on the time: a rolling window is served until it is as old as it is long, and as the
    /// longest time between two regular readings of an endpoint that may be read once an hour.
    mutating func expire(now: Timestamp) -> [SeriesChange] {
        let before = expired
        expired = lastReading.mapValues { lastReading in
            Set(RollingWindow.allCases.filter { lastReading + $0.span + .hours(2) <= now })
        }.filter { !$0.value.isEmpty }
        guard expired != before else { return [] }
        return bySource.keys.filter { $0.windowLabel != nil }.map(replacement)
    }

    /// Forgets which windows have expired, after the changes could not be applied: the next `expire` returns them again.
    mutating func forgetExpired() {
        expired = [:]
    }

    private func replacement(of family: GaugeFamily) -> SeriesChange {
        // Gauges past the limit are omitted, because unlike counters they have no sum to preserve.
        let served = samples(of: family).prefix(view.limit)
        return .replace(
            family: family.name, account: account,
            samples: served.map { ShownSample(accountLabels + $0.labels, $0.value) })
    }

    private func isExpired(_ sample: GaugeSample, of family: GaugeFamily, from source: String) -> Bool {
        guard let expired = expired[source], let label = family.windowLabel, sample.labels.indices.contains(label),
            let window = RollingWindow(rawValue: sample.labels[label])
        else { return false }
        return expired.contains(window)
    }

    /// Keys whose id at least one source reports. `genai_key_info` has one series per key, so that queries can join it,
    /// and a source that knows only the key's name adds none.
    private static func identifiedKeys(_ bySource: [String: [GaugeSample]]) -> Set<String> {
        Set(
            bySource.values.joined().filter { $0.labels.count == 3 && !$0.labels[1].isEmpty }.map { $0.labels[0] })
    }
}

extension GaugeFamily {
    /// The index of the label that names a rolling window.
    fileprivate var windowLabel: Int? { labelNames.firstIndex(of: "window") }

    /// Merges two values whose labels the config makes equal, such as two keys renamed to one by `labels.rename`.
    fileprivate func merge(_ first: Double, _ second: Double) -> Double {
        switch merging {
        case .sum: first + second
        case .minimum: min(first, second)
        case .maximum: max(first, second)
        }
    }
}
