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
            for (_, samples) in bySource[family, default: [:]].sorted(by: { $0.key < $1.key }) {
                for sample in samples where sample.labels.count == family.labelNames.count {
                    let labels = view.shown(sample.labels, of: family.labelNames)
                    // Two sources that measure the same thing show it once: series are unique.
                    if seen.insert(labels).inserted {
                        shown.append(ShownSample(accountLabels + labels, sample.value))
                    }
                }
            }
            return .replace(family: family.rawValue, account: account, samples: shown)
        }
    }
}
