extension [UInt8] {
    /// Appends text with `\` and newline escaped, and `"` too where the place is quoted, control characters replaced.
    ///
    /// Text format 0.0.4 ("Comments, help text, and type information") escapes `\` and newline in HELP, and `"` as well
    /// in label values; OpenMetrics 1.0 (ABNF `escaped-string`) escapes all three everywhere.
    mutating func appendEscaped(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"):
                append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "\\")])
            case UInt8(ascii: "\n"):
                append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
            case UInt8(ascii: "\"") where quotes:
                append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "\"")])
            case 0..<0x20, 0x7F:
                // The formats could carry them, but a carriage return ends a line for some readers, and the others do
                // unseen things in terminals and pages.
                append(contentsOf: Self.replacementCharacter)
            default:
                append(byte)
            }
        }
    }

    /// U+FFFD in UTF-8.
    private static var replacementCharacter: [UInt8] { [0xEF, 0xBF, 0xBD] }
}
