import UsageModel
import Yams

/// A node of the document with its path; each reading either returns a value or reports a problem.
package struct ConfigurationValue {
    package let node: Node
    package let path: String
    package let log: ProblemLog
    /// Whether the value may be a secret: it is then never quoted in a message.
    package var isSecret = false

    /// Reports a problem with this value.
    package func problem(_ message: String) {
        log.problem(message, at: node.mark?.place, path: path)
    }

    /// Reports "expected …, got …".
    package func mismatch(_ expected: String) {
        problem("expected \(expected), got \(found)")
    }

    /// Reports the same where text is never valid, and does not quote it, because it may be a misplaced secret.
    private func misplaced(_ expected: String) {
        var value = self
        value.isSecret = true
        value.mismatch(expected)
    }

    /// The value as messages quote it.
    private var found: String {
        switch node {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .alias: "an alias"
        case .scalar(let scalar):
            if isNothing {
                "nothing"
            } else if scalar.string.isEmpty {
                "an empty text"
            } else {
                isSecret ? "text (not repeated)" : QuotedValue.text(scalar.string)
            }
        }
    }

    /// Whether a key has no value.
    package var isNothing: Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// The text of a scalar, without YAML's type resolution; never empty.
    package func text(_ expected: String) -> String? {
        guard hasKnownTag else { return nil }
        guard case .scalar(let scalar) = node, !isNothing, !scalar.string.isEmpty else {
            mismatch(expected)
            return nil
        }
        return scalar.string
    }

    /// Whether the text may be quoted as a path: it is on one line, not longer than a path, and does not look like a
    /// credential.
    package var isRepeatablePath: Bool {
        guard case .scalar(let scalar) = node else { return false }
        let path = scalar.string
        return path.utf8.count <= 1024 && !QuotedValue.holdsControls(path)
            && (path.hasPrefix("/") || !QuotedValue.looksLikeCredential(path))
    }

    /// `true` or `false`.
    package func boolean() -> Bool? {
        switch text("true or false") {
        case nil: return nil
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default:
            mismatch("true or false")
            return nil
        }
    }

    /// An integer in a range.
    package func wholeNumber(in range: ClosedRange<Int>) -> Int? {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let text = text(expected) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            mismatch(expected)
            return nil
        }
        return number
    }

    /// A duration in a range, such as `1h30m`.
    package func duration(in range: ClosedRange<Duration>, example: String) -> Duration? {
        guard let text = text("a duration such as \(example)") else { return nil }
        guard let duration = DurationNotation.duration(text) else {
            // A number without a unit is the most common mistake, because other programs read it as seconds.
            let isNumber = text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            let stress = isNumber ? "with its unit, " : text.hasPrefix("-") ? "above zero, " : ""
            mismatch("a duration \(stress)such as \(example)")
            return nil
        }
        guard range.contains(duration) else {
            let bounds = [range.lowerBound, range.upperBound].map(DurationNotation.text)
            mismatch("a duration from \(bounds[0]) to \(bounds[1])")
            return nil
        }
        return duration
    }

    /// An exact amount of USD.
    package func amount(_ expected: String, where isRight: (ExactDecimal) -> Bool) -> ExactDecimal? {
        guard let text = text(expected) else { return nil }
        guard let amount = ExactDecimal(text), isRight(amount) else {
            mismatch(expected)
            return nil
        }
        return amount
    }

    /// A date such as `2026-11-01`.
    package func day() -> UTCDay? {
        let expected = "a date such as 2026-11-01"
        guard let text = text(expected) else { return nil }
        guard let day = UTCDay(text) else {
            mismatch(expected)
            return nil
        }
        return day
    }

    /// One of an enumeration's raw values.
    package func choice<Choice: RawRepresentable<String> & CaseIterable>(_ type: Choice.Type) -> Choice? {
        choice(of: Choice.allCases.map(\.rawValue)).flatMap(Choice.init(rawValue:))
    }

    /// One of the given words.
    package func choice(of words: [String]) -> String? {
        let expected = "one of \(words.joined(separator: ", "))"
        guard let text = text(expected) else { return nil }
        if words.contains(text) { return text }
        let hint = NearestName.suggestion(for: text, among: words).map { " (did you mean `\($0)`?)" } ?? ""
        problem("expected \(expected), got \(found)\(hint)")
        return nil
    }

    /// The items of a list.
    package func list(of what: String) -> [ConfigurationValue]? {
        guard hasKnownTag else { return nil }
        guard case .sequence(let items) = node else {
            misplaced("a list of \(what)")
            return nil
        }
        return items.enumerated().map {
            ConfigurationValue(node: $1, path: "\(path)[\($0)]", log: log, isSecret: isSecret)
        }
    }

    /// A mapping; a key without a value counts as an empty mapping.
    package func mapping() -> ConfigurationMapping? {
        if isNothing { return ConfigurationMapping(value: self, [:]) }
        guard hasKnownTag else { return nil }
        guard case .mapping(let mapping) = node else {
            misplaced("a mapping (`key: value`)")
            return nil
        }
        return ConfigurationMapping(value: self, mapping)
    }

    /// Whether the node has no unsupported tag such as `!vault`; reports a problem if it has one.
    private var hasKnownTag: Bool {
        let name = node.tag.description
        if name.isEmpty || name == "!" || name.hasPrefix("tag:yaml.org,2002:"), name != Tag.Name.binary.rawValue {
            return true
        }
        problem("a YAML tag (!…) is not understood here: remove it")
        return false
    }
}

/// A mapping of the document, its keys in order and its merge keys (`<<: *defaults`) resolved.
package struct ConfigurationMapping {
    /// A key with its position and its value.
    package struct Entry {
        package let key: String
        package let place: FilePlace?
        package let value: ConfigurationValue
    }

    /// The mapping's node, for problems with it as a whole.
    package let value: ConfigurationValue
    package private(set) var entries: [Entry] = []

    package init(value: ConfigurationValue, _ mapping: Node.Mapping) {
        self.value = value
        var allowance = 100
        add(mapping, &allowance)
    }

    /// The value of a key; nil if the key is missing.
    package subscript(key: String) -> ConfigurationValue? {
        entries.first { $0.key == key }?.value
    }

    /// The position of a key; nil if the key is missing.
    package func place(of key: String) -> FilePlace? {
        entries.first { $0.key == key }?.place
    }

    /// Reports each key that is not known.
    ///
    /// - Parameter explanation: returns why a key is wrong here although it is valid elsewhere.
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

    /// Adds a mapping's keys; existing keys win, as YAML's merge type specifies.
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
            // Each level may merge the level before several times, so that ten lines could cause a billion merges.
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

    /// The path of a key. A key that must not be quoted is shown as `*`: next to secrets it may be a misplaced secret.
    private func path(of key: String) -> String {
        let isPlain = key.utf8.allSatisfy { (0x21...0x7E).contains($0) } && key.count <= 60
        let shown = isPlain && !value.isSecret && !QuotedValue.looksLikeCredential(key) ? key : "*"
        return value.path.isEmpty ? shown : "\(value.path).\(shown)"
    }
}
