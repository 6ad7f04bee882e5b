/// Why an exposition was refused, and where.
public struct ExpositionParseError: Error, Sendable, Hashable {
    /// What the reader found.
    public enum Reason: Error, Sendable, Hashable {
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
    public let line: Int
    /// What is wrong with it.
    public let reason: Reason
}

extension ExpositionParseError: CustomStringConvertible {
    /// The line and the reason.
    public var description: String { "line \(line): \(reason)" }
}
