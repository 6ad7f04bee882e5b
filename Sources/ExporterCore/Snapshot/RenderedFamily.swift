import NIOCore
import PrometheusExposition

/// A family's bytes at one moment: its header, then its pages.
struct RenderedFamily: Sendable {
    let family: MetricFamily
    private(set) var pages: [Page]
    private(set) var runs: [PageRun]

    init(family: MetricFamily, pages: [Page]) {
        self.family = family
        self.pages = pages
        runs = stride(from: 0, to: pages.count, by: PageRun.longest).map { PageRun(startingAt: $0, of: pages) }
    }

    /// Puts pages in the places of others.
    mutating func replace(_ changed: [(place: Int, page: Page)]) {
        for (place, page) in changed { pages[place] = page }
        for run in Set(changed.map { $0.place / PageRun.longest }) {
            runs[run] = PageRun(startingAt: run * PageRun.longest, of: pages)
        }
    }
}

/// Some of a family's pages, one after the other, with their compressed forms copied together: each is a kilobyte or two,
/// and sending hundreds of them costs more than sending their bytes.
struct PageRun: Sendable {
    /// Pages in a run.
    static let longest = 16

    private let text: EncodedRun
    private let openMetrics: EncodedRun

    init(startingAt first: Int, of pages: [Page]) {
        let pages = pages[first..<min(first + Self.longest, pages.count)]
        text = EncodedRun(pages.map(\.text))
        openMetrics = EncodedRun(pages.map(\.openMetrics))
    }

    func encoded(_ format: ExpositionFormat) -> EncodedRun {
        switch format {
        case .text004: text
        case .openMetrics100: openMetrics
        }
    }
}
