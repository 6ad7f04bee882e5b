/// Rows of comma-separated values as in RFC 4180, with a line feed at their end.
enum CSVRow {
    /// Appends a row. An empty field is null.
    static func append(_ fields: some Sequence<String>, to buffer: inout [UInt8]) {
        var isFirst = true
        for field in fields {
            if !isFirst { buffer.append(UInt8(ascii: ",")) }
            isFirst = false
            append(field, to: &buffer)
        }
        buffer.append(UInt8(ascii: "\n"))
    }

    private static func append(_ field: String, to buffer: inout [UInt8]) {
        let quote = UInt8(ascii: "\"")
        guard field.utf8.contains(where: { special.contains($0) }) else {
            buffer.append(contentsOf: field.utf8)
            return
        }
        buffer.append(quote)
        for byte in field.utf8 {
            if byte == quote { buffer.append(quote) }
            buffer.append(byte)
        }
        buffer.append(quote)
    }

    private static let special: [UInt8] = Array("\",\r\n".utf8)
}
