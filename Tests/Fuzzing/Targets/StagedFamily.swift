import PrometheusExposition
import TestSupport

/// A metric family from fuzzed fields: its type and help, then its series up to an empty field.
///
/// Names are not fuzzed because they come from the exporter.
struct StagedFamily {
    struct Series {
        let labels: LabelSet
        /// The expected label values by name.
        let values: [String: String]
        let numbers: [Double]
        let created: UnixTimestamp?
        let moment: UnixTimestamp?
    }

    private static let names = ["alpha", "beta"]
    private static let bounds = [0.25, 1, 2.5]
    private static let boundTexts: [ExpositionFormat: [String]] = [
        .text004: ["0.25", "1", "2.5", "+Inf"], .openMetrics100: ["0.25", "1.0", "2.5", "+Inf"],
    ]

    let family: MetricFamily
    private(set) var series: [Series] = []

    init(number: Int, _ fields: inout FieldReader) throws {
        let start = fields.text()
        let types: [Character: MetricType] = ["c": .counter, "h": .histogram]
        let type = start.first.flatMap { types[$0] } ?? .gauge
        let name = "fuzz_\(number)_seconds" + (type == .counter ? "_total" : "")
        family = try MetricFamily(name: name, type: type, help: String(start.dropFirst()), labelNames: Self.names)
        var seen: Set<[UInt8]> = []
        while !fields.isAtEnd, series.count < 40 {
            let mark = fields.text()
            if mark.isEmpty { break }
            let values = [String(mark.dropFirst()), fields.text()]
            let labels = try LabelSet(values, of: family)
            let count = type == .histogram ? Self.bounds.count + 2 : 1
            let numbers = (0..<count).map { _ in fields.number() }
            // Values that every parser rejects are skipped: other tests cover them.
            guard type == .gauge || numbers.allSatisfy({ $0 >= 0 }), seen.insert(labels.bytes).inserted else {
                continue
            }
            let present = zip(Self.names, values.map(ExpectedSample.cleaned)).filter { !$0.1.isEmpty }
            series.append(
                Series(
                    labels: labels, values: Dictionary(uniqueKeysWithValues: present), numbers: numbers,
                    created: mark.first == "c" && type != .gauge ? Self.moment(numbers[0]) : nil,
                    moment: mark.first == "t" ? Self.moment(numbers[0]) : nil))
        }
    }

    /// A timestamp in the first 8,000 years.
    private static func moment(_ number: Double) -> UnixTimestamp {
        UnixTimestamp(milliseconds: Int64(number.bitPattern % 250_000_000_000_000))
    }

    /// Writes the family with its series.
    func append(to bytes: inout [UInt8], in format: ExpositionFormat) throws {
        bytes += family.header(in: format)
        for one in series {
            if family.type == .histogram {
                try HistogramEncoder(family, bounds: Self.bounds, format: format).append(
                    counts: Self.counts(one), sum: one.numbers.last ?? 0, labels: one.labels, created: one.created,
                    at: one.moment, to: &bytes)
            } else {
                try SampleEncoder(family, format: format).append(
                    one.numbers[0], labels: one.labels, created: one.created, at: one.moment, to: &bytes)
            }
        }
    }

    /// The expected samples.
    func samples(in format: ExpositionFormat) -> [ExpectedSample] {
        series.flatMap { one -> [ExpectedSample] in
            func sample(_ suffix: String, _ value: Double, le: String? = nil) -> ExpectedSample {
                var labels = one.values
                labels["le"] = le
                return ExpectedSample(
                    name: family.name + suffix, labels: labels, value: value,
                    created: format == .openMetrics100 ? one.created : nil, moment: one.moment)
            }
            guard family.type == .histogram else { return [sample("", one.numbers[0])] }
            var sum: UInt64 = 0
            let cumulative = Self.counts(one).map { count in
                let (next, overflow) = sum.addingReportingOverflow(count)
                sum = overflow ? .max : next
                return Double(sum)
            }
            return zip(Self.boundTexts[format] ?? [], cumulative).map { sample("_bucket", $1, le: $0) }
                + [sample("_sum", one.numbers.last ?? 0), sample("_count", Double(sum))]
        }
    }

    /// Observations by bucket: the numbers' bits, so that any count may occur.
    private static func counts(_ series: Series) -> [UInt64] {
        series.numbers.dropLast().map { UInt64(exactly: $0) ?? $0.bitPattern }
    }
}
