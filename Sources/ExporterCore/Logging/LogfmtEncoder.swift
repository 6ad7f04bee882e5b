/// `key=value` lines as Prometheus and its exporters write them.
enum LogfmtEncoder {
    /// The line with its line break. Objects become `outer.inner=…`, lists a JSON text.
    static func line(_ record: LogRecord) -> [UInt8] {
        var line: [String] = []
        for field in record.fields { append(field.value, key: key(field.key), to: &line) }
        return Array((line.joined(separator: " ") + "\n").utf8)
    }

    private static func append(_ value: LogRecord.Value, key: String, to line: inout [String]) {
        switch value {
        case .text(let text): line.append("\(key)=\(quotedIfNeeded(text))")
        case .list: line.append("\(key)=\(quotedIfNeeded(JSONLineEncoder.text(value)))")
        case .object(let fields):
            if fields.isEmpty { line.append("\(key)={}") }
            for field in fields { append(field.value, key: "\(key).\(self.key(field.key))", to: &line) }
        }
    }

    /// A key cannot be quoted: what would end it becomes `_`.
    static func key(_ key: String) -> String {
        if key.isEmpty { return "_" }
        return String(
            String.UnicodeScalarView(
                key.unicodeScalars.map { $0 == " " || $0 == "=" || $0 == "\"" || isEscaped($0) ? "_" : $0 }))
    }

    /// The value as it is, or in quotes where a reader could mistake its end or a terminal would obey it.
    static func quotedIfNeeded(_ text: String) -> String {
        let isPlain =
            !text.isEmpty && text.unicodeScalars.allSatisfy { $0 != " " && $0 != "=" && $0 != "\"" && !isEscaped($0) }
        if isPlain { return text }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where isEscaped(scalar): quoted += "\\u" + hexadecimal(scalar)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// Characters that are never written as they are: control characters, line and paragraph separators, and the marks
    /// that turn the direction of text (a line could show something else than it says).
    static func isEscaped(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }

    /// Four hexadecimal digits: every escaped character lies below U+10000.
    static func hexadecimal(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }
}
