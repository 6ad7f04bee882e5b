import UsageModel

/// The gauges of an account's keys, gathered key by key: what was not read this time stays as it was.
///
/// All families here have `key` as their first label.
struct KeyGauges {
    private let families: [GaugeFamily]
    private var samples: [GaugeFamily: [GaugeSample]] = [:]

    /// None yet, of these families.
    init(_ families: [GaugeFamily]) {
        self.families = families
    }

    /// Adds a figure of a key; nil is no figure, and so no series.
    mutating func add(_ family: GaugeFamily, _ labels: [String], _ value: Double?) {
        if let value { samples[family, default: []].append(GaugeSample(labels, value)) }
    }

    /// Keeps the earlier figures of some keys, all of them or those of some families alone.
    mutating func keep(
        _ keys: Set<String>, of kept: [GaugeFamily]? = nil, from visit: any SyncVisit
    ) async throws {
        guard !keys.isEmpty else { return }
        for family in kept ?? families {
            samples[family, default: []] += try await visit.gauges(family).filter { sample in
                sample.labels.first.map(keys.contains) ?? false
            }
        }
    }

    /// Whole families, to be committed.
    var all: [GaugeFamily: [GaugeSample]] {
        Dictionary(uniqueKeysWithValues: families.map { ($0, samples[$0] ?? []) })
    }
}
