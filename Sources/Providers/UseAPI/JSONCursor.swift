/// A place in a JSON text.
struct JSONCursor {
    let json: [UInt8]
    var position = 0

    init(_ json: [UInt8]) {
        self.json = json
    }

    /// The byte here; nil at the end.
    var peek: UInt8? { position < json.count ? json[position] : nil }

    /// Steps over a sign if it stands here, and answers whether it does.
    mutating func skip(_ sign: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: sign) else { return false }
        position += 1
        return true
    }

    /// Steps over a `null` if it stands here, and answers whether it does.
    mutating func skipNull() -> Bool {
        guard peek != nil, json[position...].starts(with: "null".utf8) else { return false }
        position += 4
        return true
    }

    mutating func skipSpace() {
        while let byte = peek, Self.isSpace(byte) { position += 1 }
    }

    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }
}
