import PrometheusExposition

/// A group of a family's series, rendered in both formats.
///
/// Pages are compressed separately, so that a change of one series compresses only its page. A class, because the
/// family's block and a run share each page.
final class Page: Sendable {
    let parts: PerFormat<EncodedPart>
    /// The byte range of each account's lines, for scrapes of one account.
    let accounts: [Int: PerFormat<Range<Int>>]

    init(_ parts: PerFormat<EncodedPart>, accounts: [Int: PerFormat<Range<Int>>]) {
        self.parts = parts
        self.accounts = accounts
    }
}

/// Consecutive pages of a family, with their compressed forms in one buffer, because sending hundreds of buffers of one
/// or two kilobytes is expensive.
///
/// A class, because consecutive snapshots share the runs that did not change.
final class PageRun: Sendable {
    /// Maximum number of pages in a run.
    static let longest = 16

    let pages: [Page]
    let encoded: PerFormat<EncodedRun>

    init(_ pages: [Page]) {
        self.pages = pages
        encoded = PerFormat { format in EncodedRun(pages.map { $0.parts[format] }) }
    }
}

/// A family's rendered bytes: its header, then its pages.
///
/// A change copies the list of runs and replaces the changed runs; the others are shared.
struct RenderedFamily: Sendable {
    let family: MetricFamily
    private(set) var runs: [PageRun]
    /// Checksum and length of all pages.
    private(set) var member: PerFormat<GzipMember>

    init(family: MetricFamily, pages: [Page]) {
        self.family = family
        runs = stride(from: 0, to: pages.count, by: PageRun.longest).map { first in
            PageRun(Array(pages[first..<min(first + PageRun.longest, pages.count)]))
        }
        member = Self.member(of: runs)
    }

    /// The pages in order.
    var pages: some Collection<Page> { runs.lazy.flatMap(\.pages) }

    /// Replaces pages by index.
    mutating func replace(_ changed: [(index: Int, page: Page)]) {
        for (run, replacements) in Dictionary(grouping: changed, by: { $0.index / PageRun.longest }) {
            var pages = runs[run].pages
            for (index, page) in replacements { pages[index % PageRun.longest] = page }
            runs[run] = PageRun(pages)
        }
        member = Self.member(of: runs)
    }

    private static func member(of runs: [PageRun]) -> PerFormat<GzipMember> {
        PerFormat { format in
            var member = GzipMember()
            for run in runs { member.add(run.encoded[format].member) }
            return member
        }
    }
}

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
    ///   - bounds: a histogram's bucket bounds; ignored for other types.
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

    /// Appends the lines of series; a value that does not match the family's type is ignored.
    func append(_ entries: [SeriesTable.Entry], text: inout [UInt8], openMetrics: inout [UInt8]) {
        // Unwrap the encoder once: processors that render in parallel would contend for its reference count.
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
                // The counts come from the encoder's own bounds, so it cannot refuse their number.
                try? textEncoder.append(counts: counts, sum: sum, labels: entry.labels, to: &text)
                try? openMetricsEncoder.append(
                    counts: counts, sum: sum, labels: entry.labels, created: showsCreated ? entry.created : nil,
                    to: &openMetrics)
            }
        }
    }
}
