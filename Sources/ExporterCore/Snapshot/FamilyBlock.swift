import Dispatch
import Foundation
import PrometheusExposition

/// One family with the series of all accounts: renders the pages whose series changed, and keeps the others.
struct FamilyBlock {
    private struct PageKey: Hashable, Comparable {
        let group: Int
        let chunk: Int

        static func < (left: PageKey, right: PageKey) -> Bool {
            (left.group, left.chunk) < (right.group, right.chunk)
        }
    }

    /// So many pages (half a megabyte) are worth a processor of their own.
    private static let pagesForProcessor = 16

    let encoder: FamilyEncoder
    /// Accounts that share a page, so that many small accounts don't make many tiny pages.
    private let accountsInGroup: Int
    private let header: Page
    /// Series that are set one by one, by account.
    private var tables: [Int: SeriesTable] = [:]
    /// Series that are replaced as a whole, by account. The window families have both kinds: those of the ledger, and
    /// those that a provider computes itself.
    private var wholeTables: [Int: SeriesTable] = [:]
    private var pages: [PageKey: Page] = [:]
    /// Where each page stands in the family; the header is before them all.
    private var places: [PageKey: Int] = [:]
    private var dirty: Set<PageKey> = []
    /// Accounts that are being set up: their series are taken in, and shown all at once.
    private var hidden: Set<Int> = []
    private(set) var rendered: RenderedFamily?

    var family: MetricFamily { encoder.family }

    init(_ family: MetricFamily, bounds: [Double], showsCreated: Bool, deflater: Deflater) throws {
        encoder = try FamilyEncoder(family, bounds: bounds, showsCreated: showsCreated)
        accountsInGroup = Self.accountsInGroup(of: family)
        header = Page(PerFormat { deflater.encode(family.header(in: $0)) }, accounts: [:])
    }

    /// Each sync renders the pages of its account's state: one account, or a few, where a source has a dozen lines.
    private static func accountsInGroup(of family: MetricFamily) -> Int {
        switch family.name {
        case _ where family.type == .histogram: 1
        case HealthFamily.syncs: 2
        default: 8
        }
    }

    /// Sets one series of an account; `value` nil hides it.
    mutating func set(
        _ key: Int64, account: Int, _ value: SampleValue?, labels: LabelSet, created: UnixTimestamp? = nil
    ) {
        let chunk = tables[account, default: SeriesTable()].set(key, value, labels: labels, created: created)
        if let chunk { dirty.insert(PageKey(group: account / accountsInGroup, chunk: chunk)) }
    }

    /// Replaces those series of an account that are not set one by one.
    mutating func replace(account: Int, with entries: [SeriesTable.Entry]) {
        let changed = wholeTables[account, default: SeriesTable()].replace(with: entries)
        markDirty(account, chunks: changed)
        if entries.isEmpty { wholeTables[account] = nil }
    }

    /// Keeps an account's series back until `reveal`.
    mutating func hide(account: Int) {
        hidden.insert(account)
    }

    /// Shows an account whose series were kept back.
    mutating func reveal(account: Int) {
        guard hidden.remove(account) != nil else { return }
        markDirty(account, chunks: 0..<max(tables[account]?.chunks.count ?? 0, wholeTables[account]?.chunks.count ?? 0))
    }

    /// Takes an account's series away.
    mutating func remove(account: Int) {
        for removed in [tables.removeValue(forKey: account), wholeTables.removeValue(forKey: account)] {
            markDirty(account, chunks: 0..<(removed?.chunks.count ?? 0))
        }
        hidden.remove(account)
    }

    private mutating func markDirty(_ account: Int, chunks: some Sequence<Int>) {
        for chunk in chunks { dirty.insert(PageKey(group: account / accountsInGroup, chunk: chunk)) }
    }

    /// Renders what changed and answers how many pages that were.
    mutating func render(with deflater: Deflater) -> Int {
        guard !dirty.isEmpty else { return 0 }
        var isReordered = rendered == nil
        var changed: [(place: Int, page: Page)] = []
        let keys = Array(dirty)
        for (key, page) in zip(keys, renderedPages(keys, deflater)) {
            if (page == nil) != (pages[key] == nil) { isReordered = true }
            pages[key] = page
            if let page, let place = places[key] { changed.append((place, page)) }
        }
        dirty.removeAll()
        if isReordered {
            arrange()
        } else {
            rendered?.replace(changed)
        }
        return keys.count
    }

    /// The pages as they are now. Where there are many before the first scrape, after a start, all processors render them;
    /// later on scrapes need some.
    private func renderedPages(_ keys: [PageKey], _ deflater: Deflater) -> [Page?] {
        let processors =
            rendered == nil
            ? min(ProcessInfo.processInfo.activeProcessorCount, keys.count / Self.pagesForProcessor, 8) : 1
        var deflaters = [deflater]
        for _ in 1..<max(1, processors) {
            // Without memory for one more those that there are do its work.
            if let another = try? Deflater() { deflaters.append(another) }
        }
        var pages = [Page?](repeating: nil, count: keys.count)
        pages.withUnsafeMutableBufferPointer { pages in
            // Each round has a deflater and places of its own, and they are over before this returns.
            nonisolated(unsafe) let (pages, deflaters) = (pages, deflaters)
            DispatchQueue.concurrentPerform(iterations: deflaters.count) { first in
                for place in stride(from: first, to: keys.count, by: deflaters.count) {
                    pages[place] = page(keys[place], deflaters[first])
                }
            }
        }
        return pages
    }

    /// Puts the pages in their order, after some came or went.
    private mutating func arrange() {
        let ordered = pages.sorted { $0.key < $1.key }
        places = Dictionary(uniqueKeysWithValues: ordered.enumerated().map { ($1.key, $0 + 1) })
        rendered =
            ordered.isEmpty ? nil : RenderedFamily(family: family, pages: [header] + ordered.map(\.value))
    }

    private func page(_ key: PageKey, _ deflater: Deflater) -> Page? {
        var text: [UInt8] = []
        var openMetrics: [UInt8] = []
        var accounts: [Int: PerFormat<Range<Int>>] = [:]
        let first = key.group * accountsInGroup
        for account in first..<(first + accountsInGroup) where !hidden.contains(account) {
            let start = (text.count, openMetrics.count)
            for case let table? in [tables[account], wholeTables[account]] where key.chunk < table.chunks.count {
                encoder.append(table.chunks[key.chunk], text: &text, openMetrics: &openMetrics)
            }
            guard text.count > start.0 else { continue }
            accounts[account] = PerFormat(
                text: start.0..<text.count, openMetrics: start.1..<openMetrics.count)
        }
        guard !text.isEmpty else { return nil }
        return Page(
            PerFormat(text: deflater.encode(text), openMetrics: deflater.encode(openMetrics)), accounts: accounts)
    }
}

/// What a series shows.
enum SampleValue: Sendable, Equatable {
    case number(Double)
    /// Observations by bucket, not cumulative, the last for those above every bound; and their sum.
    case histogram(counts: [UInt64], sum: Double)
}

/// One account's series of one family, in chunks of a bounded size: a change renders its chunk anew, not the family.
struct SeriesTable {
    struct Entry: Equatable {
        let labels: LabelSet
        let created: UnixTimestamp?
        /// Nil while the series is not shown.
        var value: SampleValue?
    }

    /// Series in a chunk: about 30 kB of text.
    static let chunkSize = 256

    private(set) var chunks: [[Entry]] = []
    private var places: [Int64: Int] = [:]
    private var count = 0

    /// Sets a series' value and answers the chunk that changed; nil where nothing did.
    ///
    /// - Parameter key: what the series is known by here; its labels are those that its first value came with.
    mutating func set(
        _ key: Int64, _ value: SampleValue?, labels: LabelSet, created: UnixTimestamp? = nil
    ) -> Int? {
        if let place = places[key] {
            let (chunk, slot) = place.quotientAndRemainder(dividingBy: Self.chunkSize)
            let before = chunks[chunk][slot].value
            guard before != value else { return nil }
            chunks[chunk][slot].value = value
            return chunk
        }
        guard let value else { return nil }
        let (chunk, slot) = count.quotientAndRemainder(dividingBy: Self.chunkSize)
        if slot == 0 { chunks.append([]) }
        chunks[chunk].append(Entry(labels: labels, created: created, value: value))
        places[key] = count
        count += 1
        return chunk
    }

    /// Replaces every series, for families that a source measures as a whole, and answers the chunks that changed.
    mutating func replace(with entries: [Entry]) -> [Int] {
        let before = chunks
        chunks = stride(from: 0, to: entries.count, by: Self.chunkSize).map {
            Array(entries[$0..<min($0 + Self.chunkSize, entries.count)])
        }
        places = [:]
        count = entries.count
        return (0..<max(before.count, chunks.count)).filter { chunk in
            chunk >= before.count || chunk >= chunks.count || before[chunk] != chunks[chunk]
        }
    }
}
