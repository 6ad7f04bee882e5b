import UsageModel
import Upstream

/// The label `key` of each key of an account, by id. All sources use the same names, so that cost, budgets and refused
/// requests join.
///
/// A name is the key's description in `api_keys`. As in the provider's own lists, a key without one is `Key ...` and the
/// last 6 characters of its id, and keys with equal descriptions get ` (...` and the last 6 characters of their ids.
struct VeniceKeyNames: Codable, Equatable {
    /// The description of usage without a key in `usage-analytics`.
    static let webApp = "Web App"
    /// The description of the entry in `usage-analytics` that sums the keys beyond the listed ones.
    static let other = "Other"

    private(set) var byID: [String: String] = [:]

    /// Names the keys of a list. The first of several entries with the same id counts.
    init(of keys: some Sequence<(id: String, description: String?)>) {
        var descriptions: [String: String] = [:]
        for (id, description) in keys where !id.isEmpty && descriptions[id] == nil {
            descriptions[id] = Self.plain(id: id, description: description)
        }
        let counts = Dictionary(descriptions.values.map { ($0, 1) }, uniquingKeysWith: +)
        // A name that is free belongs to its key, whatever the order of the others.
        for (id, name) in descriptions where counts[name] == 1 && !Self.reserved.contains(name) { byID[id] = name }
        var taken = Set(byID.values)
        for (id, name) in descriptions.sorted(by: { $0.key < $1.key }) where byID[id] == nil {
            byID[id] = Self.unique(Self.marked(name, id), id: id, taken: &taken)
        }
    }

    /// Adds the keys of a later list. A key that is no longer listed keeps its name unless another key has it now.
    mutating func update(_ later: VeniceKeyNames) {
        let taken = Set(later.byID.values)
        let merged = byID.filter { !taken.contains($0.value) }.merging(later.byID) { $1 }
        byID = merged.count <= longestArray ? merged : later.byID
    }

    /// Returns the name of a key that has no other: without a description, as in the provider's lists.
    static func plain(id: String, description: String?) -> String {
        if let description, !description.isEmpty { return description }
        return id.isEmpty ? "" : "Key ...\(id.suffix(6))"
    }

    /// Returns the name, marked with the end of the id if another key has it, and with the whole id if that name is used
    /// too.
    static func unique(_ name: String, id: String, taken: inout Set<String>) -> String {
        let end = marked(name, id)
        let candidates = [name, end, LongName.bounded("\(end) (\(id))")]
        let free = candidates.first { !taken.contains($0) && !reserved.contains($0) } ?? candidates[2]
        taken.insert(free)
        return free
    }

    /// Names of usage that belongs to no single key.
    private static let reserved: Set<String> = [webApp, other, ""]

    private static func marked(_ name: String, _ id: String) -> String {
        let end = " (...\(id.suffix(6)))"
        return name.hasSuffix(end) ? name : LongName.bounded(name + end)
    }
}

extension VeniceKeyNames {
    /// The name under which sources other than `api_keys` store the last known names.
    static let memoryName = "keys"

    /// Reads the names from `api_keys`. If it is not available, the last known names are used.
    static func current(_ context: any SyncContext, _ api: any UpstreamAPI) async throws -> VeniceKeyNames {
        var names = try await context.remembered(memoryName) ?? VeniceKeyNames(of: [])
        do {
            let response = try await api.send(VeniceKeysSource.call.incidental)
            names.update(VeniceKeyNames(of: try JSONBody.decode(VeniceKeyList.self, from: response).keys))
        } catch let failure as any ReasonedFailure {
            let isMissing = (failure as? UpstreamFailure)?.status == 404
            if !isMissing { context.remark("cannot read the names of keys: \(failure.message)") }
        }
        return names
    }
}

/// The fields of `api_keys` that name the keys.
private struct VeniceKeyList: Decodable {
    struct Key: Decodable {
        let id: Decoration<LenientString>
        let description: Decoration<LenientString>
    }

    let data: BoundedArray<Key>

    var keys: [(id: String, description: String?)] {
        data.values.map { ($0.id.value?.value ?? "", $0.description.value?.value) }
    }
}

/// The names of one day's keys, by id.
///
/// The description of a key can change. A day keeps the names of its first read: under a new name the cost would count
/// twice, because the counter of the old name never falls. The gauges of `api_keys` keep them for the current day, so
/// that they join the cost of that day.
struct VeniceDayNames {
    private(set) var byID: [String: String]
    private var taken: Set<String>

    init(_ byID: [String: String]) {
        self.byID = byID
        taken = Set(byID.values)
    }

    /// Returns the name of a key.
    ///
    /// - Parameter name: the name of a key that the day does not know yet.
    mutating func name(ofKey id: String, otherwise name: String) -> String {
        if let known = byID[id] { return known }
        let name = VeniceKeyNames.unique(name, id: id, taken: &taken)
        byID[id] = name
        return name
    }
}
