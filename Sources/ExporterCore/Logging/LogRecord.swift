import Logging
import UsageModel

/// What one log line says, free of secrets, ready for an encoder.
struct LogRecord {
    /// A value of a field; nesting is kept for encoders that can show it.
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

    /// `ts`, `level`, `component` and `msg`, then the metadata sorted by key, then `err` where an error was given.
    let fields: [Field]

    init(
        at moment: Timestamp, component: String, event: LogEvent, metadata: Logger.Metadata, redaction: LogRedaction
    ) {
        var metadata = metadata
        var fields = [
            Field(key: "ts", value: .text(Self.text(moment))),
            Field(key: "level", value: .text(Self.name(event.level))),
        ]
        // Metadata may name a part of a component more closely than the logger's label.
        let part = metadata.removeValue(forKey: "component").map(\.description) ?? component
        if !part.isEmpty { fields.append(Field(key: "component", value: .text(redaction.redacted(part)))) }
        fields.append(Field(key: "msg", value: .text(redaction.redacted(event.message.description))))
        for field in Self.fields(metadata, redaction) {
            // A key of the line itself must not appear twice: JSON readers keep one of the two, and not the same one.
            let isTaken = ["ts", "level", "msg", "err"].contains(field.key)
            fields.append(Field(key: isTaken ? field.key + "_" : field.key, value: field.value))
        }
        if let error = event.error {
            fields.append(Field(key: "err", value: .text(redaction.redacted(String(describing: error)))))
        }
        self.fields = fields
    }

    /// RFC 3339 with three digits of fraction always, so that lines align.
    static func text(_ moment: Timestamp) -> String {
        let text = moment.description
        return moment.milliseconds % 1000 == 0 ? text.dropLast() + ".000Z" : text
    }

    /// swift-log's seven levels in the four that Prometheus exporters have.
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
