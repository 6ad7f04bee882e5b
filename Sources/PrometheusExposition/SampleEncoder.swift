/// Writes the sample lines of a counter or gauge family in one format.
///
/// Made once for a family and format and then kept: what is constant in every line is rendered at that time, so a sample
/// costs its label bytes and its number. The header is a piece of its own (``MetricFamily/header(in:)``), so that
/// rendered samples can be kept in chunks and joined: header, chunks, next family, …, ``ExpositionFormat/terminator``.
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
    /// Nil where the format or the type has no such line.
    private let created: LineWriter?

    /// An encoder for a counter or a gauge.
    ///
    /// - Throws: ``EncoderError/wrongType(_:)`` for a histogram, which has ``HistogramEncoder``.
    public init(_ family: MetricFamily, format: ExpositionFormat) throws(EncoderError) {
        guard family.type != .histogram else { throw .wrongType(family.name) }
        self.format = format
        isCounter = family.type == .counter
        sample = LineWriter(name: family.name, format: format)
        created = LineWriter.created(of: family, format: format)
    }

    /// Appends one series' sample, followed by its `_created` line where there is one.
    ///
    /// A counter value that is NaN or negative is not written at all: neither format allows it (OpenMetrics 1.0,
    /// "Counter"), and a missing series is better than a false one.
    ///
    /// - Parameters:
    ///   - value: the sample's value, in the family's unit.
    ///   - labels: the series' labels.
    ///   - start: when the counter began; ignored for gauges and in 0.0.4, which have no such line.
    ///   - moment: the sample's own time, for backfilling; a scrape leaves it out. Several samples of one series must
    ///     be appended one after the other with rising times.
    ///   - buffer: where the lines go.
    public func append(
        _ value: Double, labels: LabelSet, created start: UnixTimestamp? = nil, at moment: UnixTimestamp? = nil,
        to buffer: inout [UInt8]
    ) {
        if isCounter, !(value >= 0) { return }
        sample.begin(labels, in: &buffer)
        buffer.appendNumber(value, format: format)
        sample.end(at: moment, in: &buffer)
        if let created, let start {
            created.begin(labels, in: &buffer)
            buffer.appendSeconds(start, pointAlways: true)
            created.end(at: moment, in: &buffer)
        }
    }
}

/// Why an encoder could not be made, or an observation not be written.
public enum EncoderError: Error, Sendable, Hashable {
    /// The family of this name has a type that another encoder writes.
    case wrongType(String)
    /// The upper bounds of the histogram of this name are not finite, not negative and strictly ascending.
    case badBounds(String)
    /// The histogram of this name takes one count for each bound and one for what is above the last.
    case bucketCount(String, expected: Int, found: Int)
}

extension EncoderError: CustomStringConvertible {
    /// One sentence that names the family and what would be right.
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
/// Buckets are given as they are counted, each observation in one bucket only; the cumulative counts, the `+Inf` bucket
/// and `_count` are made from them here, so they cannot disagree (OpenMetrics 1.0, "Histogram").
///
/// ```swift
/// let encoder = try HistogramEncoder(durations, bounds: [0.5, 1, 2.5], format: .text004)
/// try encoder.append(counts: [3, 0, 2, 1], sum: 9.25, labels: labels, to: &chunk)
/// ```
public struct HistogramEncoder: Sendable {
    /// The label that holds a bucket's inclusive upper bound.
    package static let boundLabel = "le"

    private let family: String
    private let format: ExpositionFormat
    /// One for each bound, and the last for `+Inf`.
    private let buckets: [LineWriter]
    private let sum: LineWriter
    private let count: LineWriter
    private let created: LineWriter?

    /// An encoder for a histogram with these bucket bounds.
    ///
    /// - Parameters:
    ///   - bounds: inclusive upper bounds in the family's unit, without `+Inf`. Negative ones are refused, because a
    ///     histogram with them may have no `_sum` (OpenMetrics 1.0, "Histogram").
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

    /// Appends one series: its buckets, `_sum`, `_count` and, where there is one, `_created`.
    ///
    /// A series whose sum is NaN or negative is not written at all, as no reader could accept it.
    ///
    /// - Parameters:
    ///   - counts: observations in each bucket alone, not cumulative; the last is for those above every bound.
    ///   - total: the sum of all observed values, in the family's unit.
    ///   - labels: the series' labels.
    ///   - start: when counting began; ignored in 0.0.4.
    ///   - moment: the samples' own time, for backfilling.
    ///   - buffer: where the lines go.
    /// - Throws: ``EncoderError/bucketCount(_:expected:found:)``; then nothing was written.
    public func append(
        counts: [UInt64], sum total: Double, labels: LabelSet, created start: UnixTimestamp? = nil,
        at moment: UnixTimestamp? = nil, to buffer: inout [UInt8]
    ) throws(EncoderError) {
        guard counts.count == buckets.count else {
            throw .bucketCount(family, expected: buckets.count, found: counts.count)
        }
        guard total >= 0 else { return }
        var cumulative: UInt64 = 0
        for (bucket, own) in zip(buckets, counts) {
            let (next, overflow) = cumulative.addingReportingOverflow(own)
            cumulative = overflow ? .max : next
            append(cumulative, with: bucket, labels: labels, at: moment, to: &buffer)
        }
        sum.begin(labels, in: &buffer)
        buffer.appendNumber(total, format: format)
        sum.end(at: moment, in: &buffer)
        append(cumulative, with: count, labels: labels, at: moment, to: &buffer)
        if let created, let start {
            created.begin(labels, in: &buffer)
            buffer.appendSeconds(start, pointAlways: true)
            created.end(at: moment, in: &buffer)
        }
    }

    /// Counts are integers, without `.0`, in both formats (OpenMetrics 1.0, "Histogram").
    private func append(
        _ count: UInt64, with line: LineWriter, labels: LabelSet, at moment: UnixTimestamp?, to buffer: inout [UInt8]
    ) {
        line.begin(labels, in: &buffer)
        buffer.appendInteger(count)
        line.end(at: moment, in: &buffer)
    }
}
