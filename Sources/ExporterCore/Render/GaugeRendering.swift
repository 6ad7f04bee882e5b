import UsageModel

/// Puts together the gauges that an account's sources measured: a family may come from several of them.
struct GaugeRendering {
    let account: Int
    let accountLabels: [String]
    private let view: LabelView
    private var bySource: [GaugeFamily: [String: [GaugeSample]]] = [:]

    init(account: Int, accountLabels: [String], view: LabelView) {
        self.account = account
        self.accountLabels = accountLabels
        self.view = view
    }

    /// A family's samples as they are shown, without the account's labels.
    func samples(of family: GaugeFamily) -> [GaugeSample] {
        bySource[family, default: [:]].sorted { $0.key < $1.key }.flatMap(\.value).map {
            GaugeSample(view.shown($0.labels, of: family.labelNames), $0.value)
        }
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
                    let labels = view.shown(sample.labels, of: family.labelNames)
                    if family == .keyInfo, sample.labels[1].isEmpty, identified.contains(sample.labels[0]) { continue }
                    // Two sources that measure the same thing show it once: series are unique.
                    // Past the limit they are left out: unlike what is counted, measured things have no sum to keep.
                    if shown.count < view.limit, seen.insert(labels).inserted {
                        shown.append(ShownSample(accountLabels + labels, sample.value))
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
