/// Suggests a known name for a mistyped one.
package enum NearestName {
    /// The known name with the smallest edit distance; nil if none is near.
    ///
    /// A name is near with at most one edit per three letters, and at most three edits: `api_kye_env` → `api_key_env`,
    /// `color` → nil. Case and `-` for `_` are not counted.
    package static func suggestion(for name: String, among known: some Sequence<String>) -> String? {
        guard name.unicodeScalars.count <= 64 else { return nil }
        let typed = normalized(name)
        let distances = known.map { (name: $0, distance: distance(typed, normalized($0))) }
        guard let best = distances.min(by: { ($0.distance, $0.name) < ($1.distance, $1.name) }),
            best.distance <= min(3, max(typed.count, best.name.count) / 3)
        else { return nil }
        return best.name
    }

    /// The Damerau–Levenshtein distance: insertions, deletions, substitutions and transpositions, where a transposed
    /// pair may be edited further. `ca` to `abc` is 2 (3 in the restricted variant).
    package static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
        let width = right.count + 2
        let unreachable = left.count + right.count
        // Row and column 0 hold a value larger than any distance, row and column 1 the distances to the empty text.
        var table = [Int](repeating: 0, count: (left.count + 2) * width)
        table[0] = unreachable
        for row in 0...left.count {
            table[(row + 1) * width] = unreachable
            table[(row + 1) * width + 1] = row
        }
        for column in 0...right.count {
            table[column + 1] = unreachable
            table[width + column + 1] = column
        }
        var lastRow: [Unicode.Scalar: Int] = [:]
        for row in 1..<(left.count + 1) {
            var lastMatch = 0
            for column in 1..<(right.count + 1) {
                let swapRow = lastRow[right[column - 1], default: 0]
                let swapColumn = lastMatch
                let same = left[row - 1] == right[column - 1]
                if same { lastMatch = column }
                table[(row + 1) * width + column + 1] = min(
                    table[row * width + column] + (same ? 0 : 1),
                    table[(row + 1) * width + column] + 1,
                    table[row * width + column + 1] + 1,
                    table[swapRow * width + swapColumn] + (row - swapRow - 1) + 1 + (column - swapColumn - 1))
            }
            lastRow[left[row - 1]] = row
        }
        return table[(left.count + 1) * width + right.count + 1]
    }

    private static func normalized(_ name: String) -> [Unicode.Scalar] {
        name.lowercased().unicodeScalars.map { $0 == "-" ? "_" : $0 }
    }
}

/// Quotes text of the config file in error messages.
///
/// Text that looks like a credential is not quoted, because keys are often pasted into the wrong setting
/// (`api_key_env: sk-…`). The message has line and column anyway.
package enum QuotedValue {
    /// The text in quotes, truncated to 60 characters, with control characters made visible; or a replacement for it.
    package static func text(_ value: String) -> String {
        if looksLikeCredential(value) { return "text that looks like a credential (not repeated)" }
        let shown = value.unicodeScalars.prefix(60)
        let escaped = shown.map { isControl($0) ? "?" : String($0) }
        return "\"" + escaped.joined() + (shown.endIndex < value.unicodeScalars.endIndex ? "…" : "") + "\""
    }

    /// A key of a mapping in quotes if it consists of letters, `_` and `-`, like valid keys; else a replacement for it,
    /// because a punctuation error can turn a value into a key.
    package static func key(_ key: String) -> String {
        let isOrdinary = key.unicodeScalars.allSatisfy { $0.properties.isAlphabetic || $0 == "_" || $0 == "-" }
        return isOrdinary && key.unicodeScalars.count <= 40 ? text(key) : "(not repeated, it may be a value)"
    }

    /// Returns whether the text has a prefix of API keys, or a run of more than 40 letters and digits, or a mixed run
    /// of at least 12 (`99999999999d` is a number with a unit).
    package static func looksLikeCredential(_ value: String) -> Bool {
        let words = value.lowercased().split { " =,\"'".contains($0) }
        let parts = words + words.flatMap { $0.split(separator: ":") }
        if parts.contains(where: { part in beginnings.contains(where: part.hasPrefix) }) { return true }
        return value.unicodeScalars.split { !$0.properties.isAlphabetic && !isDigit($0) }.contains { run in
            run.count > 40 || (run.count >= 12 && run.contains(where: isDigit) && run.count { !isDigit($0) } >= 2)
        }
    }

    private static let beginnings = ["sk-", "sk_", "mk-", "mk_", "key-", "user:", "bearer", "basic:"]

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

    /// Returns whether the text contains an invisible character or a line break.
    package static func holdsControls(_ value: String) -> Bool { value.unicodeScalars.contains(where: isControl) }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isDefaultIgnorableCodePoint
            || [.control, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
    }
}
