import PrometheusExposition

/// A group of a family's series as ready-made bytes in both formats.
///
/// Pages are compressed one by one, so that a change of one series compresses its page anew and no other.
/// A class: each stands in its family's block and in a run.
final class Page: Sendable {
    let parts: PerFormat<EncodedPart>
    /// Where each account's lines are, so that one account can be shown alone.
    let accounts: [Int: PerFormat<Range<Int>>]

    init(_ parts: PerFormat<EncodedPart>, accounts: [Int: PerFormat<Range<Int>>]) {
        self.parts = parts
        self.accounts = accounts
    }
}

/// Some of a family's pages, one after the other, with their compressed forms copied together: each is a kilobyte or two,
/// and sending hundreds of them costs more than sending their bytes.
///
/// A class: a snapshot hands on to the next all runs but those that changed.
final class PageRun: Sendable {
    /// Pages in a run.
    static let longest = 16

    let pages: [Page]
    let encoded: PerFormat<EncodedRun>

    init(_ pages: [Page]) {
        self.pages = pages
        encoded = PerFormat { format in EncodedRun(pages.map { $0.parts[format] }) }
    }
}

/// A family's bytes at one moment: its header, then its pages.
///
/// A change copies the list of runs and makes the changed runs anew; the others are shared.
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

    /// The pages, in their order.
    var pages: some Collection<Page> { runs.lazy.flatMap(\.pages) }

    /// Puts pages in the places of others.
    mutating func replace(_ changed: [(place: Int, page: Page)]) {
        for (index, replacements) in Dictionary(grouping: changed, by: { $0.place / PageRun.longest }) {
            var pages = runs[index].pages
            for (place, page) in replacements { pages[place % PageRun.longest] = page }
            runs[index] = PageRun(pages)
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
