/// Prometheus' notation of durations: integers with a unit, larger units first: `90s`, `1h30m`, `2w`, `500ms`.
package enum DurationNotation {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// Parses a duration, never negative; nil if the text is invalid.
    package static func duration(_ text: some StringProtocol) -> Duration? {
        guard !text.isEmpty else { return nil }
        var rest = text.utf8[...]
        var allowed = units[...]
        var milliseconds: Int64 = 0
        while !rest.isEmpty {
            let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            rest = rest[digits.endIndex...]
            let letters = rest.prefix { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
            rest = rest[letters.endIndex...]
            // Nine digits of weeks are 6 × 10¹⁷ ms, so that no sum of units can overflow.
            guard (1...9).contains(digits.count), let count = Int64(String(decoding: digits, as: UTF8.self)),
                let index = allowed.firstIndex(where: { $0.name.utf8.elementsEqual(letters) })
            else { return nil }
            milliseconds += count * allowed[index].milliseconds
            allowed = allowed[(index + 1)...]
        }
        return .milliseconds(milliseconds)
    }

    /// The shortest notation of a duration, without parts of a millisecond: 5400 s is `1h30m`, 400 days are `400d`.
    package static func text(_ duration: Duration) -> String {
        var rest = duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
        var text = ""
        // Weeks only without a remainder: 400d, not 57w1d.
        for unit in rest % 604_800_000 == 0 ? units[...] : units[1...] where rest >= unit.milliseconds {
            text += "\(rest / unit.milliseconds)\(unit.name)"
            rest %= unit.milliseconds
        }
        return text.isEmpty ? "0s" : text
    }
}
