/// Reads a whole exposition strictly: a judge for what ``SampleEncoder`` and ``HistogramEncoder`` write.
///
/// It takes the counters, gauges and histograms that this library writes, in the form that exporters write: tokens are
/// separated by exactly one space, a list of labels has no comma at its end, and every family has its `# TYPE`. In 0.0.4
/// it skips empty lines and comments, as that format has them; OpenMetrics allows neither. Exemplars are not known.
///
/// Beyond the grammar it refuses what other readers accept in silence: a series twice, families that are interleaved,
/// and histograms that do not add up.
public enum ExpositionParser {
    /// Reads an exposition.
    ///
    /// - Returns: the families in their order; those with metadata but no samples have no samples.
    /// - Throws: ``ExpositionParseError`` for the first line that is wrong.
    public static func parse(
        _ text: String, format: ExpositionFormat
    ) throws(ExpositionParseError) -> [ParsedFamily] {
        try parse(Array(text.utf8), format: format)
    }

    /// Reads an exposition from its bytes, which must be UTF-8.
    ///
    /// - Returns: the families in their order; those with metadata but no samples have no samples.
    /// - Throws: ``ExpositionParseError`` for the first line that is wrong.
    public static func parse(
        _ bytes: [UInt8], format: ExpositionFormat
    ) throws(ExpositionParseError) -> [ParsedFamily] {
        var reader = ExpositionReader(format: format)
        do throws(ExpositionParseError.Reason) {
            var rest = bytes[...]
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                try reader.read(rest[..<end])
                rest = rest[(end + 1)...]
            }
            return try reader.finish(unended: rest)
        } catch {
            throw ExpositionParseError(line: reader.blamedLine, reason: error)
        }
    }
}
