/// Writes the parts of one kind of sample line that surround its value: `name{labels,fixed} ` and ` timestamp\n`.
struct LineWriter: Sendable {
    private let format: ExpositionFormat
    private let name: [UInt8]
    /// A label of every line of this kind, such as `le="0.5"`; empty if there is none.
    private let fixedLabel: [UInt8]

    init(name: String, fixedLabel: [UInt8] = [], format: ExpositionFormat) {
        self.format = format
        self.name = Array(name.utf8)
        self.fixedLabel = fixedLabel
    }

    /// Returns the writer of `_created` lines, which OpenMetrics 1.0 has for counters and histograms ("Metric Types").
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

    func end(at timestamp: UnixTimestamp?, in buffer: inout [UInt8]) {
        if let timestamp {
            buffer.append(UInt8(ascii: " "))
            switch format {
            case .openMetrics100:
                buffer.appendSeconds(timestamp, pointAlways: false)
            case .text004:
                if timestamp.milliseconds < 0 { buffer.append(UInt8(ascii: "-")) }
                buffer.appendInteger(timestamp.milliseconds.magnitude)
            }
        }
        buffer.append(UInt8(ascii: "\n"))
    }
}

extension [UInt8] {
    /// Appends bytes without retaining them: several threads write lines at once and would contend for the reference
    /// counts of shared arrays.
    fileprivate mutating func append(bytesOf bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { append(contentsOf: $0) }
    }
}

extension String {
    /// The text as it appears in a label value: control characters other than newline are replaced by U+FFFD.
    ///
    /// Two series are duplicates for a scraper if these texts are equal.
    public var asLabelValue: String {
        guard utf8.contains(where: \.isReplaced) else { return self }
        return String(
            String.UnicodeScalarView(
                unicodeScalars.map { UInt8(exactly: $0.value)?.isReplaced == true ? "\u{FFFD}" : $0 }))
    }

    /// Whether another text may have the same `asLabelValue`; may be true for unique texts.
    public var mayCollideAsLabelValue: Bool {
        // U+FFFD begins with 0xEF in UTF-8.
        utf8.contains { $0.isReplaced || $0 == 0xEF }
    }
}

extension UInt8 {
    /// Whether the byte is a control character to replace. The formats allow these, but some parsers end a line at a
    /// carriage return, and terminals and browsers interpret others.
    fileprivate var isReplaced: Bool { (self < 0x20 && self != UInt8(ascii: "\n")) || self == 0x7F }
}

extension [UInt8] {
    /// Appends text with `\` and newline escaped, and `"` if `quotes` is true; replaces control characters.
    ///
    /// Text format 0.0.4 ("Comments, help text, and type information") escapes `\` and newline in HELP, and `"` as well
    /// in label values; OpenMetrics 1.0 (ABNF `escaped-string`) escapes all three everywhere.
    mutating func appendEscaped(_ text: String, quotes: Bool) {
        var text = text
        text.withUTF8 { bytes in
            var copied = 0
            for (index, byte) in bytes.enumerated() {
                guard let replacement = Self.replacement(of: byte, quotes: quotes) else { continue }
                append(contentsOf: bytes[copied..<index])
                append(contentsOf: replacement)
                copied = index + 1
            }
            append(contentsOf: bytes[copied...])
        }
    }

    /// Returns the bytes to write instead; nil for a byte that is not escaped.
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
