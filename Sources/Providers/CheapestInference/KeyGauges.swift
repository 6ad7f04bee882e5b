import Upstream
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
        _ keys: Set<String>, of kept: [GaugeFamily]? = nil, from context: any SyncContext
    ) async throws {
        guard !keys.isEmpty else { return }
        for family in kept ?? families {
            samples[family, default: []] += try await context.gauges(family).filter { sample in
                sample.labels.first.map(keys.contains) ?? false
            }
        }
    }

    /// Whole families, to be committed.
    var all: [GaugeFamily: [GaugeSample]] {
        Dictionary(uniqueKeysWithValues: families.map { ($0, samples[$0] ?? []) })
    }
}

/// Which label each of an account's keys has: its name, as long as no other key of the account has that name.
///
/// A later key of the same name gets its id added, `web (8f14…)`: series stay unique, and usage never moves from one
/// label to another. For the same reason a key that is renamed keeps the label it was first seen with.
struct KeyLabels: Codable, Equatable {
    private(set) var byID: [String: String] = [:]
    private var taken: Set<String> = []

    private enum CodingKeys: String, CodingKey {
        case byID
    }

    init() {}

    init(from decoder: any Decoder) throws {
        byID = try decoder.container(keyedBy: CodingKeys.self).decode([String: String].self, forKey: .byID)
        taken = Set(byID.values)
    }

    /// The label of a key.
    mutating func label(id: String, name: String?) -> String {
        if let known = byID[id] { return known }
        let name = name.flatMap { $0.isEmpty ? nil : $0 } ?? id
        var label = name
        var number = 1
        while !taken.insert(label).inserted {
            label = LongName.bounded(number == 1 ? "\(name) (\(id))" : "\(name) (\(id)) \(number)")
            number += 1
        }
        byID[id] = label
        return label
    }
}
