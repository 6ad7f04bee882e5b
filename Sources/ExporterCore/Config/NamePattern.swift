/// A name of the config in which `*` matches any run of characters: `ci-*`, `kling-*`.
package struct NamePattern: Sendable, Hashable {
    package let text: String

    package init(_ text: String) { self.text = text }

    /// Whether the pattern is a plain name.
    package var isLiteral: Bool { !text.utf8.contains(UInt8(ascii: "*")) }

    /// Whether the whole name matches. Case-sensitive, as label values are.
    package func matches(_ name: String) -> Bool {
        guard !isLiteral else { return name == text }
        let parts = text.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false)
        var rest = name.utf8[...]
        guard let first = parts.first, let last = parts.last, rest.starts(with: first) else { return false }
        rest = rest.dropFirst(first.count)
        guard rest.count >= last.count, rest.suffix(last.count).elementsEqual(last) else { return false }
        rest = rest.dropLast(last.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            // The first occurrence leaves the most for the parts that follow.
            guard let range = rest.firstRange(of: part) else { return false }
            rest = rest[range.upperBound...]
        }
        return true
    }
}

extension NamePattern {
    /// Returns whether this pattern matches every name that the other one matches.
    package func covers(_ other: NamePattern) -> Bool {
        // A `*` of the other pattern stands for any text, which only a `*` of this one matches.
        matches(other.text)
    }

    /// Returns whether some name matches both patterns.
    package func overlaps(_ other: NamePattern) -> Bool {
        let (left, right) = (Array(text.utf8), Array(other.text.utf8))
        let any = UInt8(ascii: "*")
        // Whether the rest of `left` from an index and the rest of `right` from the column's index have a common name;
        // one row at a time, from the end.
        var below: [Bool] = []
        for row in stride(from: left.count, through: 0, by: -1) {
            var current = [Bool](repeating: false, count: right.count + 1)
            for column in stride(from: right.count, through: 0, by: -1) {
                let (atEnd, otherAtEnd) = (row == left.count, column == right.count)
                current[column] =
                    switch (atEnd, otherAtEnd) {
                    case (true, true): true
                    case (true, false): right[column] == any && current[column + 1]
                    case (false, true): left[row] == any && below[column]
                    case (false, false) where left[row] == any || right[column] == any:
                        below[column] || current[column + 1]
                    case (false, false): left[row] == right[column] && below[column + 1]
                    }
            }
            below = current
        }
        return below[0]
    }
}
