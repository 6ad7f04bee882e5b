import ConfigReading

/// One key of an account that the config file names in the list `keys`.
package struct KeyConfiguration: Sendable, Hashable {
    /// The label `key`.
    package var name: String
    /// The provider's id of the key, where it is queried by id.
    package var id: String?
    /// The key itself, where it is queried with.
    package var credential: SecretSource?

    package init(name: String, id: String? = nil, credential: SecretSource? = nil) {
        self.name = name
        self.id = id
        self.credential = credential
    }

    /// Reads the list `keys`; names and ids must differ.
    ///
    /// - Parameter key: reads one item of the list; reports a problem and returns nil if it is not valid.
    static func list(
        in mapping: ConfigurationMapping, key: (ConfigurationMapping) -> KeyConfiguration?
    ) -> [KeyConfiguration] {
        var found: [KeyConfiguration] = []
        for item in mapping["keys"]?.list(of: "keys") ?? [] {
            guard let inner = item.mapping(), let key = key(inner) else { continue }
            if found.contains(where: { $0.name == key.name }) {
                let value = inner["name"] ?? item
                value.problem("duplicate key name \(QuotedValue.text(key.name)): names must differ")
            } else if let id = key.id, found.contains(where: { $0.id == id }) {
                inner["id"]?.problem("duplicate key id \(QuotedValue.text(id)): keep one")
            } else {
                found.append(key)
            }
        }
        return found
    }
}
