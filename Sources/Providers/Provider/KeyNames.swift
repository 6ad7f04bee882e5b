import Upstream

/// The label `key` of each key of an account, by id. All sources of an account use the same names, so that cost and
/// budgets join.
///
/// It is the key's name; keys with equal names get ` (...` and the last 6 characters of their ids; a key without a name
/// has its id.
struct KeyNames: Codable, Equatable {
    private(set) var byID: [String: String] = [:]

    /// Names the keys of a list. The first of several entries with the same id counts.
    ///
    /// - Parameter reserved: names of usage that belongs to no single key.
    init(of keys: some Sequence<(id: String, name: String?)> = [], reserved: Set<String> = []) {
        var names: [String: String] = [:]
        for (id, name) in keys where !id.isEmpty && names[id] == nil {
            names[id] = name.flatMap { $0.isEmpty ? nil : $0 } ?? id
        }
        let counts = Dictionary(names.values.map { ($0, 1) }, uniquingKeysWith: +)
        // A name that is free belongs to its key, whatever the order of the others.
        for (id, name) in names where counts[name] == 1 && !reserved.contains(name) { byID[id] = name }
        var taken = reserved.union(byID.values)
        for (id, name) in names.sorted(by: { $0.key < $1.key }) where byID[id] == nil {
            byID[id] = Self.unique(Self.marked(name, id), id: id, taken: &taken)
        }
    }

    /// Adds the keys of a later list. A key that is no longer listed keeps its name unless another key has it now.
    mutating func update(_ later: KeyNames) {
        let taken = Set(later.byID.values)
        let merged = byID.filter { !taken.contains($0.value) }.merging(later.byID) { $1 }
        byID = merged.count <= longestArray ? merged : later.byID
    }

    /// Returns the name, marked with the end of the id if it is taken, and with the whole id if that name is taken too.
    static func unique(_ name: String, id: String, taken: inout Set<String>) -> String {
        let end = marked(name, id)
        let candidates = [name, end, LongName.bounded("\(end) (\(id))")]
        let free = candidates.first { !taken.contains($0) } ?? candidates[2]
        taken.insert(free)
        return free
    }

    private static func marked(_ name: String, _ id: String) -> String {
        let end = " (...\(id.suffix(6)))"
        return name.hasSuffix(end) ? name : LongName.bounded(name + end)
    }
}

/// The names of one slice's keys, by id.
///
/// The name of a key can change. A slice keeps the names of its first reading: under a new name the cost would count
/// twice, because the counter of the old name never falls.
struct SliceKeyNames {
    private(set) var byID: [String: String]
    private var taken: Set<String>

    /// Creates the names of a slice.
    ///
    /// - Parameters:
    ///   - byID: the names of its earlier readings.
    ///   - reserved: names of usage that belongs to no single key.
    init(_ byID: [String: String], reserved: Set<String> = []) {
        self.byID = byID
        taken = reserved.union(byID.values)
    }

    /// Returns the name of a key.
    ///
    /// - Parameter name: the name of a key that the slice does not know yet.
    mutating func name(ofKey id: String, otherwise name: String) -> String {
        if let known = byID[id] { return known }
        let name = KeyNames.unique(name, id: id, taken: &taken)
        byID[id] = name
        return name
    }
}
