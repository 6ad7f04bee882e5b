import TestSupport

/// Mutates inputs by words, numbers and spans of bytes, besides single bytes.
package struct Mutation {
    /// Replacements for numbers, words and response separators.
    private static let words = [
        "0", "1", "-1", "0.1", "-0", "00", "1e18", "1e-30", "1e400", "9223372036854775807", "-9223372036854775808",
        "9223372036854775808", "4611686018427387904", "1700000000000000001", "1000000000000", "253402300799",
        "253402300800", "99999999999999999999999999999999999999999", "NaN", "Infinity", "null", "true", "false", "[]",
        "{}", "\"\"", "\"1\"", "\"\\u0000\"", "\"\\ud83c\\udfa8\"", "\"e\\u0301\"", "2026-02-13", "2026-02-12",
        "2026-02-13T14:59:59.999Z", "1969-12-31T23:59:59Z", "0001-01-01", "9999-12-31T23:59:59-23:59", "USD", "DIEM",
        "\u{1D}", "\u{1E}", "\u{1E}!404\u{1E}", "\u{1E}!410", "\u{1E}!503", "!400", "<<: *a", "&a ", "- ", ": ", "\n",
        "\t", "\u{1F}", "\u{2028}", "\u{FEFF}", "*/*", "q=0.5", "\\", "#", "%",
    ].map { Array($0.utf8) }

    private let random: SeededRandom

    /// Mutations are deterministic for a seed.
    package init(seed: UInt64) {
        random = SeededRandom(seed)
    }

    /// The input with one to four changes.
    package func mutated(_ input: [UInt8]) -> [UInt8] {
        var bytes = input
        for _ in 0..<random.int(1...4) { change(&bytes) }
        return bytes
    }

    private func change(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else {
            bytes = word
            return
        }
        let index = random.int(0...(bytes.count - 1))
        switch random.int(0...9) {
        case 0...3: bytes.replaceSubrange(word(around: index, in: bytes), with: word)
        case 4: bytes.insert(contentsOf: word, at: index)
        case 5: bytes.removeSubrange(span(from: index, in: bytes))
        case 6: bytes.insert(contentsOf: bytes[span(from: index, in: bytes)], at: index)
        case 7:
            let other = word(around: random.int(0...(bytes.count - 1)), in: bytes)
            bytes.replaceSubrange(word(around: index, in: bytes), with: Array(bytes[other]))
        case 8: bytes[index] = UInt8(truncatingIfNeeded: random.next())
        default: bytes[index] ^= 1 << UInt8(random.int(0...7))
        }
    }

    private var word: [UInt8] { Self.words[random.int(0...(Self.words.count - 1))] }

    /// A span of bytes starting at an index, mostly short.
    private func span(from index: Int, in bytes: [UInt8]) -> Range<Int> {
        let length = random.int(0...3) == 0 ? random.int(1...200) : random.int(1...12)
        return index..<min(index + length, bytes.count)
    }

    /// The word or number around an index; empty between words.
    private func word(around index: Int, in bytes: [UInt8]) -> Range<Int> {
        let isPart: (UInt8) -> Bool = { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard isPart(bytes[index]) else { return index..<index }
        let start = bytes[..<index].lastIndex { !isPart($0) }.map { $0 + 1 } ?? 0
        let end = bytes[index...].firstIndex { !isPart($0) } ?? bytes.count
        return start..<end
    }
}
