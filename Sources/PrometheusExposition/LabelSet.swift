/// The rendered labels of one series: `provider="x",account="y"`.
///
/// The text is the same in both formats, so that a series can keep one `LabelSet` for all renderings. A label with an
/// empty value is omitted because it is equivalent to an absent label (OpenMetrics 1.0, "Label"). Control characters
/// are replaced by U+FFFD; a newline is escaped.
public struct LabelSet: Sendable, Hashable {
    /// The UTF-8 text between the braces; empty if there are no labels.
    public let bytes: [UInt8]

    /// The empty label set.
    public static let none = LabelSet(bytes: [])

    /// Renders the label values of a series.
    ///
    /// - Parameters:
    ///   - values: one for each of the family's label names, in order; empty if a label does not apply.
    /// - Throws: ``LabelCountError`` if the number of values differs from the number of names.
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

/// An error for a number of label values that differs from the family's number of label names.
public struct LabelCountError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The family's name.
    public let family: String
    /// The number of the family's label names.
    public let expected: Int
    /// The number of values passed.
    public let found: Int

    /// The family's name with both numbers.
    public var description: String {
        "\(family) has \(expected) label names, but \(found) label values were given"
    }
}
