/// Which known name a mistyped one probably means.
enum NearestName {
    /// The known name with the fewest typing errors, where those are few for its length; nil where none is near.
    ///
    /// One error in three letters is taken for a slip, at most three: `api_kye_env` → `api_key_env`, `color` → nil.
    /// Case and `-` for `_` are not counted as errors.
    static func suggestion(for name: String, among known: some Sequence<String>) -> String? {
        guard name.unicodeScalars.count <= 64 else { return nil }
        let typed = normalized(name)
        let distances = known.map { (name: $0, distance: distance(typed, normalized($0))) }
        guard let best = distances.min(by: { ($0.distance, $0.name) < ($1.distance, $1.name) }),
            best.distance <= min(3, max(typed.count, best.name.count) / 3)
        else { return nil }
        return best.name
    }

    /// The Damerau–Levenshtein distance: insertions, deletions, substitutions and swaps of neighbours, where a swapped
    /// pair may be edited further. `ca` to `abc` is 2 (restricted variants say 3).
    static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
        let width = right.count + 2
        let unreachable = left.count + right.count
        // Row and column 0 hold a value that no minimum picks, row and column 1 the distances to the empty text.
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
