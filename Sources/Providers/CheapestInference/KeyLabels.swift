import Upstream
import UsageModel

/// The label of each of an account's keys: its name, unless another key of the account has that name.
///
/// A later key with the same name gets its id appended, `web (8f14…)`, so that series are unique and usage never moves
/// between labels. For the same reason a renamed key keeps its first label.
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

    /// Returns the label of a key.
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

/// A key in a list of an account's keys.
protocol ListedKey {
    var id: LenientString? { get }
    var name: LenientString? { get }
    var createdAt: Decoration<OptionalTimestamp> { get }
}

extension ListedKey {
    /// The id, or else the name; nil if the response has neither.
    var identity: String? {
        [id?.value, name?.value].compactMap { $0 }.first { !$0.isEmpty }
    }

    /// Sorts keys by age, so that the oldest of several keys with one name gets it as its label.
    static func oldestFirst(_ keys: [Self]) -> [Self] {
        keys.sorted {
            ($0.createdAt.value?.value?.milliseconds ?? .max, $0.identity ?? "")
                < ($1.createdAt.value?.value?.milliseconds ?? .max, $1.identity ?? "")
        }
    }
}
