import UsageModel

/// The names of one day's keys, by id.
///
/// The description of a key can change. A day that is read again keeps the names of its first read: under a new name
/// the cost would count twice, because the counter of the old name never falls.
struct VeniceDayNames {
    private(set) var byID: [String: String]

    init(_ byID: [String: String]) {
        self.byID = byID
    }

    /// Returns the value of the label `key`: the description, or the id if there is none. Usage without a key (`Web
    /// App`) and the rest beyond the listed keys (`Other`) have no id and use their description.
    mutating func name(of key: VeniceAnalytics.Key) -> String {
        let name = VeniceKeyName.of(description: key.description.value?.value, id: key.apiKeyId.value?.value)
        guard let id = key.apiKeyId.value?.value, !id.isEmpty else { return name }
        if let known = byID[id] { return known }
        byID[id] = name
        return name
    }
}

/// Returns the value of the label `key`.
enum VeniceKeyName {
    static func of(description: String?, id: String?) -> String {
        if let description, !description.isEmpty { return description }
        return id ?? ""
    }
}
