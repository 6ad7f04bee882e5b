import PrometheusExposition

/// Renders the series of one family in both formats.
struct FamilyEncoder {
    private enum Encoders {
        case samples(text: SampleEncoder, openMetrics: SampleEncoder)
        case histograms(text: HistogramEncoder, openMetrics: HistogramEncoder)
    }

    let family: MetricFamily
    private let encoders: Encoders
    private let showsCreated: Bool

    /// - Parameters:
    ///   - bounds: a histogram's bucket bounds; not used for other types.
    ///   - showsCreated: whether OpenMetrics has a `_created` line for each counter and histogram.
    init(_ family: MetricFamily, bounds: [Double], showsCreated: Bool) throws {
        self.family = family
        self.showsCreated = showsCreated
        encoders =
            family.type == .histogram
            ? .histograms(
                text: try HistogramEncoder(family, bounds: bounds, format: .text004),
                openMetrics: try HistogramEncoder(family, bounds: bounds, format: .openMetrics100))
            : .samples(
                text: try SampleEncoder(family, format: .text004),
                openMetrics: try SampleEncoder(family, format: .openMetrics100))
    }

    /// Appends the lines of some series; a value of another kind than the family's shows nothing.
    func append(_ entries: [SeriesTable.Entry], text: inout [UInt8], openMetrics: inout [UInt8]) {
        // Once for all: taking an encoder out counts a reference, which processors that render beside each other contend for.
        switch encoders {
        case .samples(let textEncoder, let openMetricsEncoder):
            for entry in entries {
                guard case .number(let value) = entry.value else { continue }
                textEncoder.append(value, labels: entry.labels, to: &text)
                openMetricsEncoder.append(
                    value, labels: entry.labels, created: showsCreated ? entry.created : nil, to: &openMetrics)
            }
        case .histograms(let textEncoder, let openMetricsEncoder):
            for entry in entries {
                guard case .histogram(let counts, let sum) = entry.value else { continue }
                // The counts come from the same bounds as the encoder, so it cannot refuse their number.
                try? textEncoder.append(counts: counts, sum: sum, labels: entry.labels, to: &text)
                try? openMetricsEncoder.append(
                    counts: counts, sum: sum, labels: entry.labels, created: showsCreated ? entry.created : nil,
                    to: &openMetrics)
            }
        }
    }
}
