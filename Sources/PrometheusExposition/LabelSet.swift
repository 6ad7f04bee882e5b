/// The labels of one series, rendered once: `provider="x",account="y"`.
///
/// The text is the same in both formats, so a series keeps one `LabelSet` and every later rendering copies its bytes.
/// A label with an empty value is left out, because an empty label and an absent one are the same (OpenMetrics 1.0,
/// "Label"). Control characters are replaced by U+FFFD; a newline is escaped.
public struct LabelSet: Sendable, Hashable {
    /// The UTF-8 text between the braces, without them; empty when there is no label.
    public let bytes: [UInt8]

    /// A series without labels.
    public static let none = LabelSet(bytes: [])

    /// Renders the values of a family's labels.
    ///
    /// - Parameters:
    ///   - values: one for each of the family's label names, in their order; empty where a label does not apply.
    /// - Throws: ``LabelCountError`` when the number of values is not the number of names.
    public init(_ values: [String], of family: MetricFamily) throws(LabelCountError) {
        let names = family.labelNames
        guard values.count == names.count else {
            throw LabelCountError(family: family.name, expected: names.count, found: values.count)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(
            names.indices.reduce(0) { $0 + names[$1].utf8.count + values[$1].utf8.count + 4 })
        for index in names.indices where !values[index].isEmpty {
            if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
            bytes.append(contentsOf: names[index].utf8)
            bytes.append(UInt8(ascii: "="))
            bytes.append(UInt8(ascii: "\""))
            bytes.appendEscaped(values[index], quotes: true)
            bytes.append(UInt8(ascii: "\""))
        }
        self.bytes = bytes
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }
}

/// A series was given another number of label values than its family has label names.
public struct LabelCountError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The family's name.
    public let family: String
    /// How many label names the family has.
    public let expected: Int
    /// How many values were given.
    public let found: Int

    /// One sentence with both numbers.
    public var description: String {
        "\(family) has \(expected) label names, but \(found) label values were given"
    }
}
