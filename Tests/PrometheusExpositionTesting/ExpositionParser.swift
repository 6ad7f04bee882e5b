import PrometheusExposition

/// A strict parser of expositions, to test the output of `SampleEncoder` and `HistogramEncoder`.
///
/// It supports counters, gauges and histograms in the usual form: tokens are separated by exactly one space, label lists
/// have no trailing comma, and every family has a `# TYPE`. In 0.0.4 it skips empty lines and comments; OpenMetrics
/// allows neither. Exemplars are not supported.
///
/// Beyond the grammar it rejects errors that other parsers ignore: duplicate series, interleaved families, and
/// inconsistent histograms.
package enum ExpositionParser {
    /// Parses an exposition.
    ///
    /// - Returns: the families in order, including those without samples.
    /// - Throws: ``ExpositionParseError`` for the first invalid line.
    package static func parse(
        _ text: String, format: ExpositionFormat
    ) throws(ExpositionParseError) -> [ParsedFamily] {
        try parse(Array(text.utf8), format: format)
    }

    /// Parses the bytes of an exposition, which must be UTF-8.
    ///
    /// - Returns: the families in order, including those without samples.
    /// - Throws: ``ExpositionParseError`` for the first invalid line.
    package static func parse(
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

/// A metric family parsed from an exposition.
package struct ParsedFamily: Sendable, Hashable {
    /// The name as in `MetricFamily.name`: a counter's includes `_total` in either format.
    package let name: String
    /// The type of the `# TYPE` line.
    package let type: MetricType
    /// The unescaped help text; nil if there is no `# HELP` line.
    package let help: String?
    /// The text of the `# UNIT` line; nil if there is none.
    package let unit: String?
    /// The samples in order, without the `_created` lines, which are in ``ParsedSample/created``.
    package let samples: [ParsedSample]
}

/// A sample parsed from an exposition.
package struct ParsedSample: Sendable, Hashable {
    /// The name including `_total`, `_bucket`, `_sum` or `_count`.
    package let name: String
    /// The unescaped label values by name, including `le` of a bucket.
    package let labels: [String: String]
    package let value: Double
    /// The sample's timestamp, if it has one.
    package let timestamp: UnixTimestamp?
    /// The value of the `_created` line of its metric, if there is one.
    package internal(set) var created: UnixTimestamp?
}

/// The first error in an exposition, with its line.
package struct ExpositionParseError: Error, Sendable, Hashable {
    /// The violated rule.
    package enum Reason: Error, Sendable, Hashable {
        /// A byte sequence that is not UTF-8.
        case invalidUTF8
        /// The last line has no newline.
        case missingFinalNewline
        /// OpenMetrics: the exposition does not end with `# EOF`.
        case missingEOF
        /// OpenMetrics: something follows `# EOF`.
        case textAfterEOF
        /// OpenMetrics: an empty line, or a comment that is not metadata.
        case strayLine
        /// A metadata line that is incomplete, repeated, or after its family's samples.
        case badMetadata
        /// A type other than counter, gauge or histogram.
        case unknownType(String)
        /// A unit that is not the suffix of the family's name.
        case badUnit(String)
        /// A metric name that is invalid, or not a sample name of the family's type.
        case badName(String)
        /// A family name or sample name that another family uses.
        case clashingName(String)
        /// A line of a family that was already followed by another one.
        case interleavedFamily(String)
        /// A sample or metadata without a `# TYPE` line before it.
        case missingType(String)
        /// A sample line that is not `name{labels} value timestamp`.
        case badSample
        /// A label that is not `name="value"`, has an invalid name, or is repeated.
        case badLabel
        /// An invalid escape sequence, or an unescaped `"` in an OpenMetrics help.
        case badEscape
        /// A value that is not a number by the formats' syntax, or not valid for the sample's type.
        case badValue(String)
        /// A timestamp that is invalid, missing in a part of a metric, or decreasing.
        case badTimestamp
        /// A duplicate series, or one whose lines are not adjacent.
        case duplicateSeries(String)
        /// A bucket whose `le` is missing or not a number.
        case badBound
        /// Buckets whose `le` is not ascending.
        case unsortedBounds
        /// A bucket with a lower count than the one before it.
        case bucketsNotCumulative
        /// A histogram without its `+Inf` bucket.
        case missingInfinityBucket
        /// A histogram without `_sum` or `_count`.
        case missingSumOrCount
        /// A `_count` that differs from the `+Inf` bucket.
        case countMismatch
        /// OpenMetrics: a `_created` line without its sample.
        case createdWithoutSample
    }

    /// The line number from 1; for a missing line, that of the line before it.
    package let line: Int
    package let reason: Reason
}

extension ExpositionParseError: CustomStringConvertible {
    package var description: String { "line \(line): \(reason)" }
}
