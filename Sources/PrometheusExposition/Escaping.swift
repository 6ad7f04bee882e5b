extension String {
    /// This text as a reader of an exposition gets it: control characters but newline are U+FFFD.
    ///
    /// Two series are one to a reader if these agree, whatever was replaced.
    public var asLabelValue: String {
        guard utf8.contains(where: \.isReplaced) else { return self }
        return String(
            String.UnicodeScalarView(
                unicodeScalars.map { UInt8(exactly: $0.value)?.isReplaced == true ? "\u{FFFD}" : $0 }))
    }

    /// Whether another text may have the same `asLabelValue`; true for some that are alone.
    public var mayCollideAsLabelValue: Bool {
        // U+FFFD begins with 0xEF in UTF-8.
        utf8.contains { $0.isReplaced || $0 == 0xEF }
    }
}

extension UInt8 {
    /// The formats could carry them, but a carriage return ends a line for some readers, and the others do unseen things in
    /// terminals and pages.
    fileprivate var isReplaced: Bool { (self < 0x20 && self != UInt8(ascii: "\n")) || self == 0x7F }
}

extension [UInt8] {
    /// Appends text with `\` and newline escaped, and `"` too where the place is quoted, control characters replaced.
    ///
    /// Text format 0.0.4 ("Comments, help text, and type information") escapes `\` and newline in HELP, and `"` as well
    /// in label values; OpenMetrics 1.0 (ABNF `escaped-string`) escapes all three everywhere.
    mutating func appendEscaped(_ text: String, quotes: Bool) {
        var text = text
        text.withUTF8 { bytes in
            var copied = 0
            for (place, byte) in bytes.enumerated() {
                guard let replacement = Self.replacement(of: byte, quotes: quotes) else { continue }
                append(contentsOf: bytes[copied..<place])
                append(contentsOf: replacement)
                copied = place + 1
            }
            append(contentsOf: bytes[copied...])
        }
    }

    /// Nil for a byte that stays.
    private static func replacement(of byte: UInt8, quotes: Bool) -> [UInt8]? {
        switch byte {
        case UInt8(ascii: "\\"): [UInt8(ascii: "\\"), UInt8(ascii: "\\")]
        case UInt8(ascii: "\n"): [UInt8(ascii: "\\"), UInt8(ascii: "n")]
        case UInt8(ascii: "\"") where quotes: [UInt8(ascii: "\\"), UInt8(ascii: "\"")]
        case _ where byte.isReplaced: replacementCharacter
        default: nil
        }
    }

    /// U+FFFD in UTF-8.
    private static var replacementCharacter: [UInt8] { [0xEF, 0xBF, 0xBD] }
}
