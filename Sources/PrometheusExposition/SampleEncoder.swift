/// Writes the sample lines of a counter or gauge family in one format.
///
/// Create one for each family and format and reuse it: it renders the constant parts of the lines once. The header is
/// separate (``MetricFamily/header(in:)``), so that rendered samples can be cached in chunks and concatenated: header,
/// chunks, next family, …, ``ExpositionFormat/terminator``.
///
/// ```swift
/// let encoder = try SampleEncoder(cost, format: .openMetrics100)
/// var chunk: [UInt8] = []
/// encoder.append(4.52, labels: labels, created: ledgerStart, to: &chunk)
/// // shop_cost_usd_total{account="a",item="b"} 4.52
/// // shop_cost_usd_created{account="a",item="b"} 1767225600.0
/// ```
public struct SampleEncoder: Sendable {
    private let format: ExpositionFormat
    private let isCounter: Bool
    private let sample: LineWriter
    /// Nil if the format or the type has no `_created` line.
    private let created: LineWriter?

    /// Creates an encoder for a counter or a gauge.
    ///
    /// - Throws: ``EncoderError/wrongType(_:)`` for a histogram; see ``HistogramEncoder``.
    public init(_ family: MetricFamily, format: ExpositionFormat) throws(EncoderError) {
        guard family.type != .histogram else { throw .wrongType(family.name) }
        self.format = format
        isCounter = family.type == .counter
        sample = LineWriter(name: family.name, format: format)
        created = LineWriter.created(of: family, format: format)
    }

    /// Appends a sample of one series, followed by its `_created` line if there is one.
    ///
    /// Skips a counter value that is NaN or negative because neither format allows it (OpenMetrics 1.0, "Counter").
    ///
    /// - Parameters:
    ///   - value: the sample's value, in the family's unit.
    ///   - labels: the series' labels.
    ///   - start: when the counter began; ignored for gauges and in 0.0.4, which have no `_created` line.
    ///   - timestamp: the sample's timestamp, for backfilling; nil for a scrape. Samples of one series must be appended
    ///     consecutively in ascending order of time.
    ///   - buffer: the destination of the lines.
    public func append(
        _ value: Double, labels: LabelSet, created start: UnixTimestamp? = nil, at timestamp: UnixTimestamp? = nil,
        to buffer: inout [UInt8]
    ) {
        if isCounter, !(value >= 0) { return }
        sample.begin(labels, in: &buffer)
        buffer.appendNumber(value, format: format)
        sample.end(at: timestamp, in: &buffer)
        if let created, let start {
            created.begin(labels, in: &buffer)
            buffer.appendSeconds(start, pointAlways: true)
            created.end(at: timestamp, in: &buffer)
        }
    }
}

/// An error in the arguments of an encoder.
public enum EncoderError: Error, Sendable, Hashable {
    /// The family of this name has a type for which there is another encoder.
    case wrongType(String)
    /// The upper bounds of this histogram are not all finite, non-negative and strictly ascending.
    case badBounds(String)
    /// The number of counts differs from the number of buckets, including `+Inf`.
    case bucketCount(String, expected: Int, found: Int)
}

extension EncoderError: CustomStringConvertible {
    /// The violated rule with the family's name.
    public var description: String {
        switch self {
        case .wrongType(let family):
            "\(family) needs the encoder of its own type: HistogramEncoder for histograms, SampleEncoder for the others"
        case .badBounds(let family):
            "the bucket bounds of \(family) must be finite, at least 0 and strictly ascending, without +Inf"
        case .bucketCount(let family, let expected, let found):
            "\(family) has \(expected) buckets with the one above the last bound, but \(found) counts were given"
        }
    }
}

/// Writes the sample lines of a histogram family in one format.
///
/// The caller passes the count of each bucket, not cumulative. The encoder computes the cumulative counts, the `+Inf`
/// bucket and `_count`, so that they are consistent (OpenMetrics 1.0, "Histogram").
///
/// ```swift
/// let encoder = try HistogramEncoder(durations, bounds: [0.5, 1, 2.5], format: .text004)
/// try encoder.append(counts: [3, 0, 2, 1], sum: 9.25, labels: labels, to: &chunk)
/// ```
public struct HistogramEncoder: Sendable {
    /// The label of a bucket's inclusive upper bound.
    package static let boundLabel = "le"

    private let family: String
    private let format: ExpositionFormat
    /// One for each bound, then `+Inf`.
    private let buckets: [LineWriter]
    private let sum: LineWriter
    private let count: LineWriter
    private let created: LineWriter?

    /// Creates an encoder for a histogram with the given bucket bounds.
    ///
    /// - Parameters:
    ///   - bounds: inclusive upper bounds in the family's unit, without `+Inf`. Negative bounds are an error because a
    ///     histogram with them must not have a `_sum` (OpenMetrics 1.0, "Histogram").
    /// - Throws: ``EncoderError/wrongType(_:)`` or ``EncoderError/badBounds(_:)``.
    public init(_ family: MetricFamily, bounds: [Double], format: ExpositionFormat) throws(EncoderError) {
        guard family.type == .histogram else { throw .wrongType(family.name) }
        guard bounds.allSatisfy({ $0.isFinite && $0 >= 0 }), zip(bounds, bounds.dropFirst()).allSatisfy(<) else {
            throw .badBounds(family.name)
        }
        self.family = family.name
        self.format = format
        buckets = (bounds + [.infinity]).map { bound in
            var label = Array("\(Self.boundLabel)=\"".utf8)
            label.appendNumber(bound, format: format, exponentFrom: NumberText.boundExponentFrom)
            label.append(UInt8(ascii: "\""))
            return LineWriter(name: family.name + "_bucket", fixedLabel: label, format: format)
        }
        sum = LineWriter(name: family.name + "_sum", format: format)
        count = LineWriter(name: family.name + "_count", format: format)
        created = LineWriter.created(of: family, format: format)
    }

    /// Appends one series: its buckets, `_sum`, `_count` and, if there is one, `_created`.
    ///
    /// Skips a series whose sum is NaN or negative because parsers reject it.
    ///
    /// - Parameters:
    ///   - counts: observations in each bucket, not cumulative; the last count is for those above every bound.
    ///   - total: the sum of all observed values, in the family's unit.
    ///   - labels: the series' labels.
    ///   - start: when counting began; ignored in 0.0.4.
    ///   - timestamp: the samples' timestamp, for backfilling.
    ///   - buffer: the destination of the lines.
    /// - Throws: ``EncoderError/bucketCount(_:expected:found:)``, before anything is written.
    public func append(
        counts: [UInt64], sum total: Double, labels: LabelSet, created start: UnixTimestamp? = nil,
        at timestamp: UnixTimestamp? = nil, to buffer: inout [UInt8]
    ) throws(EncoderError) {
        guard counts.count == buckets.count else {
            throw .bucketCount(family, expected: buckets.count, found: counts.count)
        }
        guard total >= 0 else { return }
        var cumulative: UInt64 = 0
        for (bucket, own) in zip(buckets, counts) {
            let (next, overflow) = cumulative.addingReportingOverflow(own)
            cumulative = overflow ? .max : next
            append(cumulative, with: bucket, labels: labels, at: timestamp, to: &buffer)
        }
        sum.begin(labels, in: &buffer)
        buffer.appendNumber(total, format: format)
        sum.end(at: timestamp, in: &buffer)
        append(cumulative, with: count, labels: labels, at: timestamp, to: &buffer)
        if let created, let start {
            created.begin(labels, in: &buffer)
            buffer.appendSeconds(start, pointAlways: true)
            created.end(at: timestamp, in: &buffer)
        }
    }

    /// Appends a count: an integer, without `.0`, in both formats (OpenMetrics 1.0, "Histogram").
    private func append(
        _ count: UInt64, with line: LineWriter, labels: LabelSet, at timestamp: UnixTimestamp?, to buffer: inout [UInt8]
    ) {
        line.begin(labels, in: &buffer)
        buffer.appendInteger(count)
        line.end(at: timestamp, in: &buffer)
    }
}
