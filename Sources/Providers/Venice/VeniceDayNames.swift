import UsageModel

/// How the keys of one day are called, by id.
///
/// A key can be given another description. A day that is read again keeps the names that it was first read with: under
/// a new one its cost would count twice, because the counter that it leaves never falls.
struct VeniceDayNames {
    private(set) var byID: [String: String]

    /// The remembered names.
    init(_ byID: [String: String]) {
        self.byID = byID
    }

    /// The label `key`: the description, or the id where there is none. Usage without a key (`Web App`) and the rest
    /// beyond the listed ones (`Other`) have no id and come under their description.
    mutating func name(of key: VeniceAnalytics.Key) -> String {
        let name = VeniceKeyName.of(description: key.description.value?.value, id: key.apiKeyId.value?.value)
        guard let id = key.apiKeyId.value?.value, !id.isEmpty else { return name }
        if let known = byID[id] { return known }
        byID[id] = name
        return name
    }
}

/// How a key is called in labels.
enum VeniceKeyName {
    static func of(description: String?, id: String?) -> String {
        if let description, !description.isEmpty { return description }
        return id ?? ""
    }
}
