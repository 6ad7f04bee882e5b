/// Writes the parts of one kind of sample line that surround its value: `name{labels,fixed} ` and ` timestamp\n`.
struct LineWriter: Sendable {
    private let format: ExpositionFormat
    private let name: [UInt8]
    /// A label that every line of this kind has, such as `le="0.5"`; empty when there is none.
    private let fixedLabel: [UInt8]

    init(name: String, fixedLabel: [UInt8] = [], format: ExpositionFormat) {
        self.format = format
        self.name = Array(name.utf8)
        self.fixedLabel = fixedLabel
    }

    /// The writer of `_created` lines, which OpenMetrics 1.0 has for counters and histograms ("Metric Types").
    static func created(of family: MetricFamily, format: ExpositionFormat) -> LineWriter? {
        guard format == .openMetrics100, family.type != .gauge else { return nil }
        return LineWriter(name: family.baseName + "_created", format: format)
    }

    func begin(_ labels: LabelSet, in buffer: inout [UInt8]) {
        buffer.append(bytesOf: name)
        if !labels.bytes.isEmpty || !fixedLabel.isEmpty {
            buffer.append(UInt8(ascii: "{"))
            buffer.append(bytesOf: labels.bytes)
            if !labels.bytes.isEmpty, !fixedLabel.isEmpty { buffer.append(UInt8(ascii: ",")) }
            buffer.append(bytesOf: fixedLabel)
            buffer.append(UInt8(ascii: "}"))
        }
        buffer.append(UInt8(ascii: " "))
    }

    func end(at moment: UnixTimestamp?, in buffer: inout [UInt8]) {
        if let moment {
            buffer.append(UInt8(ascii: " "))
            switch format {
            case .openMetrics100:
                buffer.appendSeconds(moment, pointAlways: false)
            case .text004:
                if moment.milliseconds < 0 { buffer.append(UInt8(ascii: "-")) }
                buffer.appendInteger(moment.milliseconds.magnitude)
            }
        }
        buffer.append(UInt8(ascii: "\n"))
    }
}

extension [UInt8] {
    /// Appends bytes without counting a reference to them: lines are written by several processors at once, which would
    /// contend for the count of what every line has.
    fileprivate mutating func append(bytesOf bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { append(contentsOf: $0) }
    }
}

extension String {
    /// This text as a reader of an exposition gets it: control characters but newline are U+FFFD.
    ///
    /// Two series are one to a reader if these agree, whatever was replaced.
    public var asLabelValue: String {
        guard utf8.contains(where: \.isReplaced) else { return self }
        return String(
            String.UnicodeScalarView(
                unicodeScalars.map { UInt8(exactly: $0.value)?.isReplaced == true ? "\u{FFFD}" : $0 }))
    }

    /// Whether another text may have the same `asLabelValue`; true for some that are alone.
    public var mayCollideAsLabelValue: Bool {
        // U+FFFD begins with 0xEF in UTF-8.
        utf8.contains { $0.isReplaced || $0 == 0xEF }
    }
}

extension UInt8 {
    /// The formats could carry them, but a carriage return ends a line for some readers, and the others do unseen things in
    /// terminals and pages.
    fileprivate var isReplaced: Bool { (self < 0x20 && self != UInt8(ascii: "\n")) || self == 0x7F }
}

extension [UInt8] {
    /// Appends text with `\` and newline escaped, and `"` too where the place is quoted, control characters replaced.
    ///
    /// Text format 0.0.4 ("Comments, help text, and type information") escapes `\` and newline in HELP, and `"` as well
    /// in label values; OpenMetrics 1.0 (ABNF `escaped-string`) escapes all three everywhere.
    mutating func appendEscaped(_ text: String, quotes: Bool) {
        var text = text
        text.withUTF8 { bytes in
            var copied = 0
            for (place, byte) in bytes.enumerated() {
                guard let replacement = Self.replacement(of: byte, quotes: quotes) else { continue }
                append(contentsOf: bytes[copied..<place])
                append(contentsOf: replacement)
                copied = place + 1
            }
            append(contentsOf: bytes[copied...])
        }
    }

    /// Nil for a byte that stays.
    private static func replacement(of byte: UInt8, quotes: Bool) -> [UInt8]? {
        switch byte {
        case UInt8(ascii: "\\"): [UInt8(ascii: "\\"), UInt8(ascii: "\\")]
        case UInt8(ascii: "\n"): [UInt8(ascii: "\\"), UInt8(ascii: "n")]
        case UInt8(ascii: "\"") where quotes: [UInt8(ascii: "\\"), UInt8(ascii: "\"")]
        case _ where byte.isReplaced: replacementCharacter
        default: nil
        }
    }

    /// U+FFFD in UTF-8.
    private static var replacementCharacter: [UInt8] { [0xEF, 0xBF, 0xBD] }
}
