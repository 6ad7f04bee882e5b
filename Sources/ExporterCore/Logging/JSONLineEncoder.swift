/// One JSON object a line, with the keys of the logfmt form in the same order.
///
/// Foundation's encoder sorts keys or leaves their order to chance; a log line begins with `ts` and `level`.
enum JSONLineEncoder {
    /// The line with its line break.
    static func line(_ record: LogRecord) -> [UInt8] {
        Array((text(.object(record.fields)) + "\n").utf8)
    }

    /// The value as JSON without spaces.
    static func text(_ value: LogRecord.Value) -> String {
        switch value {
        case .text(let text): quoted(text)
        case .list(let values): "[" + values.map(text).joined(separator: ",") + "]"
        case .object(let fields):
            "{" + fields.map { quoted($0.key) + ":" + text($0.value) }.joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where LogfmtEncoder.isEscaped(scalar): quoted += "\\u" + LogfmtEncoder.hexadecimal(scalar)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
