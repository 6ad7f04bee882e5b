/// Percent-encoding as RFC 3986 writes it: bytes of UTF-8 as `%XX` in upper-case hexadecimal.
enum PercentEncoding {
    /// Everything but the unreserved characters (letters, digits, `-._~`) is encoded: fit for a query's names and
    /// values, and for an identifier that must stay one path segment.
    static func strict(_ text: some StringProtocol) -> String {
        encode(text.utf8) { isUnreserved($0) }
    }

    /// Everything but letters and digits is encoded.
    static func alphanumeric(_ text: some StringProtocol) -> String {
        encode(text.utf8) { isUnreserved($0) && !"-._~".utf8.contains($0) }
    }

    /// Every byte is encoded: a form that any decoder reads.
    static func whole(_ text: some StringProtocol) -> String { encode(text.utf8) { _ in false } }

    /// A path whose `/` separate segments: what a segment may not hold is encoded; a `%` with two hexadecimal digits
    /// after it counts as encoded already.
    static func path(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var encoded: [UInt8] = []
        encoded.reserveCapacity(bytes.count)
        for (index, byte) in bytes.enumerated() {
            let isEscape =
                byte == UInt8(ascii: "%") && index + 2 < bytes.count
                && isHexadecimal(bytes[index + 1]) && isHexadecimal(bytes[index + 2])
            if isEscape || byte == UInt8(ascii: "/") || isSegmentCharacter(byte) {
                encoded.append(byte)
            } else {
                append(byte, to: &encoded)
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    private static func encode(_ bytes: some Sequence<UInt8>, unless isKept: (UInt8) -> Bool) -> String {
        var encoded: [UInt8] = []
        for byte in bytes {
            if isKept(byte) { encoded.append(byte) } else { append(byte, to: &encoded) }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    private static func append(_ byte: UInt8, to encoded: inout [UInt8]) {
        let digits = Array("0123456789ABCDEF".utf8)
        encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// RFC 3986 `pchar` without the escapes: unreserved, sub-delims, `:` and `@`.
    private static func isSegmentCharacter(_ byte: UInt8) -> Bool {
        isUnreserved(byte) || "!$&'()*+,;=:@".utf8.contains(byte)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
