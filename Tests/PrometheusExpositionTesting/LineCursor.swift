import PrometheusExposition

/// Parses one line of an exposition by bytes, because a Swift `Character` may span the format's separators.
struct LineCursor {
    typealias Reason = ExpositionParseError.Reason

    private let bytes: ArraySlice<UInt8>
    private var index: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        index = bytes.startIndex
    }

    var isAtEnd: Bool { index == bytes.endIndex }

    /// Consumes the byte if it is next.
    mutating func take(_ byte: Unicode.Scalar) -> Bool {
        guard index < bytes.endIndex, bytes[index] == UInt8(ascii: byte) else { return false }
        index += 1
        return true
    }

    /// Consumes the text up to one of the stops or the end, without the stop.
    mutating func text(until stops: Unicode.Scalar...) -> String {
        let end = bytes[index...].firstIndex { byte in stops.contains { UInt8(ascii: $0) == byte } } ?? bytes.endIndex
        defer { index = end }
        return String(decoding: bytes[index..<end], as: UTF8.self)
    }

    /// Consumes the text up to the end.
    mutating func text() -> String {
        defer { index = bytes.endIndex }
        return String(decoding: bytes[index...], as: UTF8.self)
    }

    /// Parses a sample line: `name{labels} value timestamp`; labels and timestamp are optional.
    mutating func sample(format: ExpositionFormat) throws(Reason) -> ParsedSample {
        let name = text(until: "{", " ")
        guard NameRules.isMetricName(name) else { throw .badName(name) }
        let labels = try take("{") ? labels() : [:]
        guard take(" ") else { throw .badSample }
        let valueText = text(until: " ")
        guard let value = NumberReader.double(valueText) else { throw .badValue(valueText) }
        var timestamp: UnixTimestamp?
        if take(" ") {
            timestamp = NumberReader.timestamp(text(until: " "), format: format)
            guard timestamp != nil else { throw .badTimestamp }
        }
        guard isAtEnd else { throw .badSample }
        return ParsedSample(name: name, labels: labels, value: value, timestamp: timestamp)
    }

    /// Parses the labels after the opening brace, up to and including the closing one.
    private mutating func labels() throws(Reason) -> [String: String] {
        var labels: [String: String] = [:]
        if take("}") { return labels }
        repeat {
            let name = text(until: "=")
            guard NameRules.isLabelName(name), !name.hasPrefix(NameRules.reservedPrefix), take("="), take("\"") else {
                throw .badLabel
            }
            guard labels.updateValue(try quotedText(), forKey: name) == nil else { throw .badLabel }
        } while take(",")
        guard take("}") else { throw .badLabel }
        return labels
    }

    /// Parses text up to and including a quotation mark, and unescapes `\\`, `\"` and `\n`.
    private mutating func quotedText() throws(Reason) -> String {
        let text = try unescaped(stop: UInt8(ascii: "\""), escapes: "\\\"n")
        guard take("\"") else { throw .badLabel }
        return text
    }

    /// Parses and unescapes the rest of a `# HELP` line.
    mutating func helpText(format: ExpositionFormat) throws(Reason) -> String {
        guard format == .openMetrics100 else { return try unescaped(stop: nil, escapes: "\\n") }
        let text = try unescaped(stop: UInt8(ascii: "\""), escapes: "\\\"n")
        guard isAtEnd else { throw .badEscape }
        return text
    }

    private mutating func unescaped(stop: UInt8?, escapes: String) throws(Reason) -> String {
        var result: [UInt8] = []
        while index < bytes.endIndex, bytes[index] != stop {
            var byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "\\") {
                guard index < bytes.endIndex, escapes.utf8.contains(bytes[index]) else { throw .badEscape }
                byte = bytes[index] == UInt8(ascii: "n") ? UInt8(ascii: "\n") : bytes[index]
                index += 1
            }
            result.append(byte)
        }
        return String(decoding: result, as: UTF8.self)
    }
}

/// Parses numbers by the formats' syntax, which is stricter than `Double.init` (hexadecimal, `nan(1)`).
enum NumberReader {
    static func double(_ text: String) -> Double? {
        switch text {
        case "NaN": return .nan
        case "+Inf": return .infinity
        case "-Inf": return -.infinity
        default:
            guard text.utf8.allSatisfy("0123456789+-.eE".utf8.contains), let value = Double(text), value.isFinite else {
                return nil
            }
            return value
        }
    }

    /// Parses a sample's timestamp: whole milliseconds in 0.0.4; seconds with an optional fraction in OpenMetrics, rounded
    /// to milliseconds.
    static func timestamp(_ text: String, format: ExpositionFormat) -> UnixTimestamp? {
        switch format {
        case .text004: Int64(text).map(UnixTimestamp.init(milliseconds:))
        case .openMetrics100: double(text).flatMap(moment)
        }
    }

    /// Converts seconds since the epoch, rounded to milliseconds; nil beyond 10,000 years, where a double is less precise.
    static func moment(seconds: Double) -> UnixTimestamp? {
        guard seconds.magnitude < 320_000_000_000 else { return nil }
        return UnixTimestamp(milliseconds: Int64(seconds * 1000 + (seconds < 0 ? -0.5 : 0.5)))
    }
}
