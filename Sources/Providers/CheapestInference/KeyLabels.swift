import Upstream

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
