import Yams

/// A mapping of the document, its keys in order and its merge keys (`<<: *defaults`) resolved.
package struct ConfigurationMapping {
    /// A key with its place and its value.
    package struct Entry {
        package let key: String
        package let place: FilePlace?
        package let value: ConfigurationValue
    }

    /// The mapping itself, for problems with it as a whole.
    let value: ConfigurationValue
    package private(set) var entries: [Entry] = []

    init(value: ConfigurationValue, _ mapping: Node.Mapping) {
        self.value = value
        var allowance = 100
        add(mapping, &allowance)
    }

    /// The value of a key, where the key is there.
    package subscript(key: String) -> ConfigurationValue? {
        entries.first { $0.key == key }?.value
    }

    /// The place of a key, where the key is there.
    package func place(of key: String) -> FilePlace? {
        entries.first { $0.key == key }?.place
    }

    /// Puts a problem in the log for each key that is not known.
    ///
    /// - Parameter explanation: why a key is wrong here although it is right elsewhere.
    package func rejectUnknownKeys(known: [String], explanation: (String) -> String? = { _ in nil }) {
        for entry in entries where !known.contains(entry.key) {
            let message: String
            let beforeColon = entry.key.split(separator: ":", maxSplits: 1).first.map(String.init) ?? ""
            if let explanation = explanation(entry.key) {
                message = explanation
            } else if beforeColon != entry.key, known.contains(beforeColon) {
                message = "expected a space after `\(beforeColon):`"
            } else if let suggestion = NearestName.suggestion(for: entry.key, among: known) {
                message = "unknown key \(QuotedValue.key(entry.key)): did you mean `\(suggestion)`?"
            } else {
                var seen: Set<String> = []
                let listed = known.filter { seen.insert($0).inserted }.joined(separator: ", ")
                message = "unknown key \(QuotedValue.key(entry.key)): the keys here are \(listed)"
            }
            value.log.problem(message, at: entry.place, path: value.path)
        }
    }

    /// Adds a mapping's keys; those that are there already win, as YAML's merge type wants.
    private mutating func add(_ mapping: Node.Mapping, _ allowance: inout Int) {
        var merged: [Node] = []
        for (key, node) in mapping {
            guard case .scalar(let scalar) = key else {
                value.log.problem("expected a key that is text", at: key.mark?.place, path: value.path)
                continue
            }
            if scalar.string == "<<", scalar.style == .plain {
                if case .sequence(let sources) = node { merged += sources } else { merged.append(node) }
            } else if self[scalar.string] == nil {
                let inner = ConfigurationValue(
                    node: node, path: path(of: scalar.string), log: value.log, isSecret: value.isSecret)
                entries.append(Entry(key: scalar.string, place: scalar.mark?.place, value: inner))
            }
        }
        for source in merged {
            // Each level may merge the one before several times: without an allowance ten lines are a billion merges.
            allowance -= 1
            if allowance < 0 { return }
            if case .mapping(let mapping) = source {
                add(mapping, &allowance)
            } else {
                let message = "expected a mapping to merge, such as *defaults"
                value.log.problem(message, at: source.mark?.place, path: value.path)
            }
        }
    }

    /// The path of a key; a key that should not be repeated is shown as `*`: beside secrets it may be one itself, put in
    /// the wrong place.
    private func path(of key: String) -> String {
        let isPlain = key.utf8.allSatisfy { (0x21...0x7E).contains($0) } && key.count <= 60
        let shown = isPlain && !value.isSecret && !QuotedValue.looksLikeCredential(key) ? key : "*"
        return value.path.isEmpty ? shown : "\(value.path).\(shown)"
    }
}
