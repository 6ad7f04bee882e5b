/// Comma-separated values with a header, parsed strictly as in RFC 4180 with line feeds.
package struct CSVTable {
    /// The text is not a table: a quote is not closed, the last line has no end, or a row has not the header's columns.
    package struct Malformed: Error {}

    /// The names of the columns.
    package let columns: [String]
    /// The rows by column. Every row has every column.
    package let rows: [[String: String]]

    package init(_ text: String) throws {
        var records: [[String]] = []
        var record: [String] = []
        var field = String.UnicodeScalarView()
        var isQuoted = false
        var scalars = Array(text.unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            switch scalar {
            case "\"" where isQuoted && scalars.first == "\"":
                field.append("\"")
                scalars.removeFirst()
            case "\"" where isQuoted || field.isEmpty: isQuoted.toggle()
            case "," where !isQuoted, "\n" where !isQuoted:
                record.append(String(field))
                field = String.UnicodeScalarView()
                guard scalar == "\n" else { continue }
                records.append(record)
                record = []
            default: field.append(scalar)
            }
        }
        guard let header = records.first, !isQuoted, record.isEmpty, field.isEmpty,
            records.allSatisfy({ $0.count == header.count })
        else { throw Malformed() }
        columns = header
        rows = records.dropFirst().map { Dictionary(zip(header, $0), uniquingKeysWith: { first, _ in first }) }
    }
}
