import PrometheusExposition

/// Renders the series of one family in both formats.
struct FamilyEncoder {
    private enum Encoders {
        case samples(text: SampleEncoder, openMetrics: SampleEncoder)
        case histograms(text: HistogramEncoder, openMetrics: HistogramEncoder)
    }

    let family: MetricFamily
    private let encoders: Encoders

    /// - Parameter bounds: a histogram's bucket bounds; not used for other types.
    init(_ family: MetricFamily, bounds: [Double]) throws {
        self.family = family
        encoders =
            family.type == .histogram
            ? .histograms(
                text: try HistogramEncoder(family, bounds: bounds, format: .text004),
                openMetrics: try HistogramEncoder(family, bounds: bounds, format: .openMetrics100))
            : .samples(
                text: try SampleEncoder(family, format: .text004),
                openMetrics: try SampleEncoder(family, format: .openMetrics100))
    }

    /// Appends a series' lines; a value of another kind than the family's shows nothing.
    func append(_ entry: SeriesTable.Entry, text: inout [UInt8], openMetrics: inout [UInt8]) {
        switch (encoders, entry.value) {
        case (.samples(let textEncoder, let openMetricsEncoder), .number(let value)):
            textEncoder.append(value, labels: entry.labels, created: entry.created, to: &text)
            openMetricsEncoder.append(value, labels: entry.labels, created: entry.created, to: &openMetrics)
        case (.histograms(let textEncoder, let openMetricsEncoder), .histogram(let counts, let sum)):
            // The counts come from the same bounds as the encoder, so it cannot refuse their number.
            try? textEncoder.append(counts: counts, sum: sum, labels: entry.labels, created: entry.created, to: &text)
            try? openMetricsEncoder.append(
                counts: counts, sum: sum, labels: entry.labels, created: entry.created, to: &openMetrics)
        default: break
        }
    }
}
