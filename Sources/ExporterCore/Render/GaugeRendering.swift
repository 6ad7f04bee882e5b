import UsageModel

/// Puts together the gauges that an account's sources measured: a family may come from several of them.
struct GaugeRendering {
    let account: Int
    let accountLabels: [String]
    private var bySource: [GaugeFamily: [String: [GaugeSample]]] = [:]

    init(account: Int, accountLabels: [String]) {
        self.account = account
        self.accountLabels = accountLabels
    }

    /// What to show after a source measured anew.
    mutating func changes(for gauges: [GaugeFamily: [GaugeSample]], from source: String) -> [SeriesChange] {
        gauges.map { family, samples in
            bySource[family, default: [:]][source] = samples
            var seen: Set<[String]> = []
            var shown: [ShownSample] = []
            let known = bySource[family, default: [:]]
            let identified = family == .keyInfo ? Self.identifiedKeys(known) : []
            for (_, samples) in known.sorted(by: { $0.key < $1.key }) {
                for sample in samples where sample.labels.count == family.labelNames.count {
                    if family == .keyInfo, sample.labels[1].isEmpty, identified.contains(sample.labels[0]) { continue }
                    // Two sources that measure the same thing show it once: series are unique.
                    if seen.insert(sample.labels).inserted {
                        shown.append(ShownSample(accountLabels + sample.labels, sample.value))
                    }
                }
            }
            return .replace(family: family.rawValue, account: account, samples: shown)
        }
    }

    /// Keys whose id some source knows: `genai_key_info` has one series a key, so that other series can be joined with
    /// it, and a source that knows the key by name alone adds none.
    private static func identifiedKeys(_ bySource: [String: [GaugeSample]]) -> Set<String> {
        Set(
            bySource.values.joined().filter { $0.labels.count == 3 && !$0.labels[1].isEmpty }.map { $0.labels[0] })
    }
}
