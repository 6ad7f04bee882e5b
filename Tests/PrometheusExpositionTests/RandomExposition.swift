import PrometheusExposition
import TestSupport

/// Random families and series of every type from a seed, with the samples that a parser must return.
struct RandomExposition {
    private enum Reading {
        case value(Double)
        case histogram(counts: [UInt64], sum: Double)
    }

    private struct Series {
        let labels: LabelSet
        let expectedLabels: [String: String]
        let reading: Reading
        let created: UnixTimestamp?
    }

    private static let bounds = [0.25, 1, 2.5, 1_000_000]
    private static let boundTexts: [ExpositionFormat: [String]] = [
        .text004: ["0.25", "1", "2.5", "1e+06", "+Inf"], .openMetrics100: ["0.25", "1.0", "2.5", "1e+06", "+Inf"],
    ]
    private static let fragments = [
        "a", "Z", "0", " ", "\"", "\\", "\n", "\\n", "\r\n", "\t", "\u{0}", "\u{1B}", "\u{7F}", "日", "本", "語", "é",
        "e\u{301}", "🎨", "👩‍🎨", "{", "}", ",", "=", "#", "# EOF", "\u{2028}", "\u{85}", "\u{FEFF}",
    ]

    let families: [MetricFamily]
    private let series: [[Series]]

    init(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var families: [MetricFamily] = []
        var series: [[Series]] = []
        for number in 0..<Int.random(in: 1...6, using: &random) {
            let type = MetricType.allCases.randomElement(using: &random) ?? .gauge
            let middle = ["_usd", "_seconds", "_things", "_bytes", "_ratio"].randomElement(using: &random) ?? ""
            let labelNames = Array(["alpha", "beta_2", "Gamma", "_d"].shuffled(using: &random).prefix(3))
            let family = try MetricFamily(
                name: "family\(number)\(middle)\(type == .counter ? "_total" : "")", type: type,
                help: "H" + Self.text(&random), labelNames: labelNames)
            families.append(family)
            try series.append(Self.series(of: family, &random))
        }
        self.families = families
        self.series = series
    }

    func render(_ format: ExpositionFormat) throws -> [UInt8] {
        var bytes: [UInt8] = []
        for (family, series) in zip(families, series) where !series.isEmpty {
            bytes += family.header(in: format)
            for one in series { try Self.append(one, of: family, format, to: &bytes) }
        }
        return bytes + format.terminator
    }

    /// Returns the samples in order, without `_created`.
    func expected(_ format: ExpositionFormat) -> [ExpectedSample] {
        zip(families, series).flatMap { family, series in
            series.flatMap { Self.expected($0, of: family, format) }
        }
    }

    private static func text(_ random: inout SeededGenerator) -> String {
        (0..<Int.random(in: 0...6, using: &random)).map { _ in fragments.randomElement(using: &random) ?? "" }.joined()
    }

    private static func series(of family: MetricFamily, _ random: inout SeededGenerator) throws -> [Series] {
        var seen: Set<LabelSet> = []
        var series: [Series] = []
        for _ in 0..<Int.random(in: 0...12, using: &random) {
            let values = family.labelNames.map { _ in text(&random) }
            let labels = try LabelSet(values, of: family)
            guard seen.insert(labels).inserted else { continue }
            let present = zip(family.labelNames, values).filter { !$0.1.isEmpty }.map {
                ($0, ExpectedSample.cleaned($1))
            }
            let number = random.double()
            let reading: Reading =
                switch family.type {
                case .gauge: .value(number)
                case .counter: .value(number.isNaN ? 0 : number.magnitude)
                case .histogram:
                    .histogram(
                        counts: (0...bounds.count).map { _ in UInt64.random(in: 0...1_000_000, using: &random) },
                        sum: number.isNaN ? 0 : number.magnitude)
                }
            let created = Bool.random(using: &random) && family.type != .gauge
            series.append(
                Series(
                    labels: labels, expectedLabels: Dictionary(uniqueKeysWithValues: present), reading: reading,
                    created: created
                        ? UnixTimestamp(milliseconds: Int64.random(in: 0...4_000_000_000_000, using: &random)) : nil))
        }
        return series
    }

    private static func append(
        _ series: Series, of family: MetricFamily, _ format: ExpositionFormat, to bytes: inout [UInt8]
    ) throws {
        switch series.reading {
        case .value(let value):
            try SampleEncoder(family, format: format).append(
                value, labels: series.labels, created: series.created, to: &bytes)
        case .histogram(let counts, let sum):
            try HistogramEncoder(family, bounds: bounds, format: format).append(
                counts: counts, sum: sum, labels: series.labels, created: series.created, to: &bytes)
        }
    }

    private static func expected(
        _ series: Series, of family: MetricFamily, _ format: ExpositionFormat
    ) -> [ExpectedSample] {
        let created = format == .openMetrics100 ? series.created : nil
        func sample(_ suffix: String, _ value: Double, le: String? = nil) -> ExpectedSample {
            var labels = series.expectedLabels
            labels["le"] = le
            return ExpectedSample(name: family.name + suffix, labels: labels, value: value, created: created)
        }
        switch series.reading {
        case .value(let value):
            return [sample("", value)]
        case .histogram(let counts, let sum):
            let sums = counts.indices.map { Double(counts[...$0].reduce(0, +)) }
            return zip(boundTexts[format] ?? [], sums).map { sample("_bucket", $1, le: $0) }
                + [sample("_sum", sum), sample("_count", sums.last ?? 0)]
        }
    }
}
