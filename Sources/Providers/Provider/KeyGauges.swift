import UsageModel

/// The gauges of an account's keys, collected key by key. Keys that were not read keep their earlier figures.
///
/// All families here have `key` as their first label.
struct KeyGauges {
    private let families: [GaugeFamily]
    private var samples: [GaugeFamily: [GaugeSample]] = [:]

    init(_ families: [GaugeFamily]) {
        self.families = families
    }

    /// Adds a figure of a key; nil adds no series.
    mutating func add(_ family: GaugeFamily, _ labels: [String], _ value: Double?) {
        if let value { samples[family, default: []].append(GaugeSample(labels, value)) }
    }

    /// Keeps the earlier figures of some keys, in all families or only in the given ones.
    mutating func keep(
        _ keys: Set<String>, of kept: [GaugeFamily]? = nil, from context: any SyncContext
    ) async throws {
        guard !keys.isEmpty else { return }
        for family in kept ?? families {
            samples[family, default: []] += try await context.gauges(family).filter { sample in
                sample.labels.first.map(keys.contains) ?? false
            }
        }
    }

    /// The complete families to commit.
    var all: [GaugeFamily: [GaugeSample]] {
        Dictionary(uniqueKeysWithValues: families.map { ($0, samples[$0] ?? []) })
    }
}
