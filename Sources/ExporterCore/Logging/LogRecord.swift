import ConfigReading
import Logging
import UsageModel

/// The fields of one log line, with secrets redacted.
struct LogRecord {
    /// A value of a field, nested for encoders that support it.
    indirect enum Value: Equatable {
        case text(String)
        case list([Value])
        /// Sorted by key.
        case object([Field])
    }

    /// A key and its value.
    struct Field: Equatable {
        let key: String
        let value: Value
    }

    /// `ts`, `level`, `component` and `msg`, then the metadata sorted by key, then `err` if there is an error.
    let fields: [Field]

    init(
        at time: Timestamp, component: String, event: LogEvent, metadata: Logger.Metadata, redaction: LogRedaction
    ) {
        var metadata = metadata
        var fields = [
            Field(key: "ts", value: .text(Self.text(time))),
            Field(key: "level", value: .text(Self.name(event.level))),
        ]
        // Metadata may override the component of the logger's label.
        let part = metadata.removeValue(forKey: "component").map(\.description) ?? component
        if !part.isEmpty { fields.append(Field(key: "component", value: .text(redaction.redacted(part)))) }
        fields.append(Field(key: "msg", value: .text(redaction.redacted(event.message.description))))
        for field in Self.fields(metadata, redaction) {
            // A reserved key must not appear twice, because JSON parsers differ in which of the two they keep.
            let isTaken = ["ts", "level", "msg", "err"].contains(field.key)
            fields.append(Field(key: isTaken ? field.key + "_" : field.key, value: field.value))
        }
        if let error = event.error {
            fields.append(Field(key: "err", value: .text(redaction.redacted(String(describing: error)))))
        }
        self.fields = fields
    }

    /// RFC 3339 with always three fractional digits, so that lines align.
    static func text(_ time: Timestamp) -> String {
        let text = time.description
        return time.milliseconds % 1000 == 0 ? text.dropLast() + ".000Z" : text
    }

    /// Maps swift-log's seven levels to the four of Prometheus exporters.
    static func name(_ level: Logger.Level) -> String {
        switch level {
        case .trace, .debug: "debug"
        case .info, .notice: "info"
        case .warning: "warn"
        case .error, .critical: "error"
        }
    }

    private static func fields(_ metadata: Logger.Metadata, _ redaction: LogRedaction) -> [Field] {
        metadata.sorted { $0.key < $1.key }.map { key, value in
            Field(key: redaction.redacted(key), value: Self.value(value, redaction))
        }
    }

    private static func value(_ value: Logger.MetadataValue, _ redaction: LogRedaction) -> Value {
        switch value {
        case .string(let text): .text(redaction.redacted(text))
        case .stringConvertible(let value): .text(redaction.redacted(value.description))
        case .array(let values): .list(values.map { Self.value($0, redaction) })
        case .dictionary(let metadata): .object(fields(metadata, redaction))
        }
    }
}

/// Encodes logfmt lines like Prometheus and its exporters.
enum LogfmtEncoder {
    /// The line with its line break. Objects are written as `outer.inner=…`, lists as JSON text.
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

    /// Replaces characters that would end a key by `_`, because a key cannot be quoted.
    static func key(_ key: String) -> String {
        if key.isEmpty { return "_" }
        return String(
            String.UnicodeScalarView(
                key.unicodeScalars.map { $0 == " " || $0 == "=" || $0 == "\"" || isEscaped($0) ? "_" : $0 }))
    }

    /// The value, quoted if it contains delimiters or characters that a terminal interprets.
    static func quotedIfNeeded(_ text: String) -> String {
        let isPlain =
            !text.isEmpty && text.unicodeScalars.allSatisfy { $0 != " " && $0 != "=" && $0 != "\"" && !isEscaped($0) }
        return isPlain ? text : quoted(text)
    }

    /// The text in quotation marks, escaped as in JSON.
    static func quoted(_ text: String) -> String {
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

    /// Returns whether a character is always escaped: control characters, line and paragraph separators, and
    /// bidirectional marks, which could make a line display as different text.
    private static func isEscaped(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }

    /// Four hexadecimal digits, because every escaped character is below U+10000.
    private static func hexadecimal(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }
}

/// Encodes one JSON object per line, with the keys and order of the logfmt format.
///
/// Foundation's encoder cannot write `ts` and `level` first: it sorts keys or leaves their order undefined.
enum JSONLineEncoder {
    /// The line with its line break.
    static func line(_ record: LogRecord) -> [UInt8] {
        Array((text(.object(record.fields)) + "\n").utf8)
    }

    /// The value as compact JSON.
    static func text(_ value: LogRecord.Value) -> String {
        switch value {
        case .text(let text): LogfmtEncoder.quoted(text)
        case .list(let values): "[" + values.map(text).joined(separator: ",") + "]"
        case .object(let fields):
            "{" + fields.map { LogfmtEncoder.quoted($0.key) + ":" + text($0.value) }.joined(separator: ",") + "}"
        }
    }
}
