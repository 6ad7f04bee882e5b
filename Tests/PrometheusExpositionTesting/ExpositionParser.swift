import PrometheusExposition

/// Reads a whole exposition strictly: a judge for what ``SampleEncoder`` and ``HistogramEncoder`` write.
///
/// It takes the counters, gauges and histograms that this library writes, in the form that exporters write: tokens are
/// separated by exactly one space, a list of labels has no comma at its end, and every family has its `# TYPE`. In 0.0.4
/// it skips empty lines and comments, as that format has them; OpenMetrics allows neither. Exemplars are not known.
///
/// Beyond the grammar it refuses what other readers accept in silence: a series twice, families that are interleaved,
/// and histograms that do not add up.
package enum ExpositionParser {
    /// Reads an exposition.
    ///
    /// - Returns: the families in their order; those with metadata but no samples have no samples.
    /// - Throws: ``ExpositionParseError`` for the first line that is wrong.
    package static func parse(
        _ text: String, format: ExpositionFormat
    ) throws(ExpositionParseError) -> [ParsedFamily] {
        try parse(Array(text.utf8), format: format)
    }

    /// Reads an exposition from its bytes, which must be UTF-8.
    ///
    /// - Returns: the families in their order; those with metadata but no samples have no samples.
    /// - Throws: ``ExpositionParseError`` for the first line that is wrong.
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

/// A metric family as it was read from an exposition.
package struct ParsedFamily: Sendable, Hashable {
    /// The name as ``MetricFamily/name`` has it: a counter's with `_total` whichever format it was read from.
    package let name: String
    /// The type of the `# TYPE` line.
    package let type: MetricType
    /// The help text with its escapes undone; nil when there was no `# HELP` line.
    package let help: String?
    /// The text of the `# UNIT` line; nil when there was none.
    package let unit: String?
    /// The samples in their order, without the `_created` lines, which are in ``ParsedSample/created``.
    package let samples: [ParsedSample]
}

/// A sample as it was read from an exposition.
package struct ParsedSample: Sendable, Hashable {
    /// The name as it is written, with `_total`, `_bucket`, `_sum` or `_count`.
    package let name: String
    /// The label values by name with their escapes undone, `le` of a bucket among them.
    package let labels: [String: String]
    /// The value.
    package let value: Double
    /// The sample's own time, when it has one.
    package let timestamp: UnixTimestamp?
    /// When its series began, by the `_created` line of its metric, when there was one.
    package internal(set) var created: UnixTimestamp?
}

/// Why an exposition was refused, and where.
package struct ExpositionParseError: Error, Sendable, Hashable {
    /// What the reader found.
    package enum Reason: Error, Sendable, Hashable {
        /// A byte sequence that is not UTF-8.
        case invalidUTF8
        /// The last line has no newline.
        case missingFinalNewline
        /// OpenMetrics: the exposition does not end with `# EOF`.
        case missingEOF
        /// OpenMetrics: something follows `# EOF`.
        case textAfterEOF
        /// OpenMetrics: an empty line or a comment that is no metadata.
        case strayLine
        /// A metadata line that lacks a part, or comes twice or after its family's samples.
        case badMetadata
        /// A type other than counter, gauge or histogram, which are all that this reader knows.
        case unknownType(String)
        /// A unit that is not the end of the family's name.
        case badUnit(String)
        /// A metric name that is not legal, or not one that the family's type has.
        case badName(String)
        /// A family whose name, or the name of whose samples, another family has.
        case clashingName(String)
        /// The family or sample name belongs to a family that was already ended by another one.
        case interleavedFamily(String)
        /// A sample or metadata without a `# TYPE` line before it.
        case missingType(String)
        /// A sample line that is not `name{labels} value timestamp`.
        case badSample
        /// A label that is not `name="value"`, has an illegal name, or comes twice.
        case badLabel
        /// A backslash before something that needs none, or, in an OpenMetrics help, a bare `"`.
        case badEscape
        /// A value that is not a number as the formats spell it, or one that the sample's type cannot have.
        case badValue(String)
        /// A timestamp that is not a number as the format spells it, is there for a part of a metric only, or goes back.
        case badTimestamp
        /// The same series twice, or one whose lines do not stand together.
        case duplicateSeries(String)
        /// A bucket without `le`, or with one that is no number.
        case badBound
        /// Buckets whose `le` does not rise.
        case unsortedBounds
        /// A bucket that holds less than the one before it.
        case bucketsNotCumulative
        /// A histogram without its `+Inf` bucket.
        case missingInfinityBucket
        /// A histogram without `_sum` or `_count`.
        case missingSumOrCount
        /// A `_count` that is not the `+Inf` bucket's.
        case countMismatch
        /// OpenMetrics: a `_created` line without the sample that it belongs to.
        case createdWithoutSample
    }

    /// The line, counted from 1; for something missing, the line after which it should have been.
    package let line: Int
    /// What is wrong with it.
    package let reason: Reason
}

extension ExpositionParseError: CustomStringConvertible {
    /// The line and the reason.
    package var description: String { "line \(line): \(reason)" }
}
