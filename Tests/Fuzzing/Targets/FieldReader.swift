/// Splits the fuzzed bytes into fields that end with the byte 0x1F.
struct FieldReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) {
        rest = bytes[...]
    }

    /// Whether no bytes are left.
    var isAtEnd: Bool { rest.isEmpty }

    /// The next field as text, with invalid UTF-8 replaced; empty at the end.
    mutating func text() -> String {
        let field = rest.prefix { $0 != 0x1F }
        rest = rest.dropFirst(field.count + 1)
        return String(decoding: field, as: UTF8.self)
    }

    /// The next field as a number: parsed from its text, or from its bits if the text is not a number.
    mutating func number() -> Double {
        let text = text()
        if let number = Double(text) { return number }
        return Double(bitPattern: text.utf8.reduce(0) { $0 << 8 | UInt64($1) })
    }
}
