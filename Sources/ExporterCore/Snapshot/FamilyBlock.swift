import Dispatch
import Foundation
import PrometheusExposition

/// Renders one family's series of all accounts: pages whose series changed are rendered, the others reused.
struct FamilyBlock {
    private struct PageKey: Hashable, Comparable {
        let group: Int
        let chunk: Int

        static func < (left: PageKey, right: PageKey) -> Bool {
            (left.group, left.chunk) < (right.group, right.chunk)
        }
    }

    /// Minimum number of pages (half a megabyte) per processor.
    private static let pagesForProcessor = 16

    let encoder: FamilyEncoder
    /// Number of accounts that share a page, so that many small accounts do not make many tiny pages.
    private let accountsInGroup: Int
    private let header: Page
    /// Series that are set individually, by account.
    private var tables: [Int: SeriesTable] = [:]
    /// Series that are replaced together, by account. The window families have both kinds, because the ledger's windows
    /// are set individually and the provider's own windows together.
    private var wholeTables: [Int: SeriesTable] = [:]
    private var pages: [PageKey: Page] = [:]
    /// The index of each page in the family; the header has index 0.
    private var indexes: [PageKey: Int] = [:]
    private var dirty: Set<PageKey> = []
    /// Accounts whose series are not served yet, because they are being restored.
    private var hidden: Set<Int> = []
    private(set) var rendered: RenderedFamily?

    var family: MetricFamily { encoder.family }

    init(_ family: MetricFamily, bounds: [Double], showsCreated: Bool, deflater: Deflater) throws {
        encoder = try FamilyEncoder(family, bounds: bounds, showsCreated: showsCreated)
        accountsInGroup = Self.accountsInGroup(of: family)
        header = Page(PerFormat { deflater.encode(family.header(in: $0)) }, accounts: [:])
    }

    /// Returns fewer accounts for families with many lines per source, because each sync renders its account's pages.
    private static func accountsInGroup(of family: MetricFamily) -> Int {
        switch family.name {
        case _ where family.type == .histogram: 1
        case Metric.syncs.name: 2
        default: 8
        }
    }

    /// Sets one series of an account; a nil value hides it.
    mutating func set(
        _ key: Int64, account: Int, _ value: SampleValue?, labels: LabelSet, created: UnixTimestamp? = nil
    ) {
        let chunk = tables[account, default: SeriesTable()].set(key, value, labels: labels, created: created)
        if let chunk { dirty.insert(PageKey(group: account / accountsInGroup, chunk: chunk)) }
    }

    /// Replaces those series of an account that are not set individually.
    mutating func replace(account: Int, with entries: [SeriesTable.Entry]) {
        let changed = wholeTables[account, default: SeriesTable()].replace(with: entries)
        markDirty(account, chunks: changed)
        if entries.isEmpty { wholeTables[account] = nil }
    }

    /// Hides an account's series until `reveal`.
    mutating func hide(account: Int) {
        hidden.insert(account)
    }

    /// Shows an account's hidden series.
    mutating func reveal(account: Int) {
        guard hidden.remove(account) != nil else { return }
        markDirty(account, chunks: 0..<max(tables[account]?.chunks.count ?? 0, wholeTables[account]?.chunks.count ?? 0))
    }

    /// Removes an account's series.
    mutating func remove(account: Int) {
        for removed in [tables.removeValue(forKey: account), wholeTables.removeValue(forKey: account)] {
            markDirty(account, chunks: 0..<(removed?.chunks.count ?? 0))
        }
        hidden.remove(account)
    }

    private mutating func markDirty(_ account: Int, chunks: some Sequence<Int>) {
        for chunk in chunks { dirty.insert(PageKey(group: account / accountsInGroup, chunk: chunk)) }
    }

    /// Renders the pages that changed and returns their number.
    mutating func render(with deflater: Deflater) -> Int {
        guard !dirty.isEmpty else { return 0 }
        var isReordered = rendered == nil
        var changed: [(index: Int, page: Page)] = []
        let keys = Array(dirty)
        for (key, page) in zip(keys, renderedPages(keys, deflater)) {
            if (page == nil) != (pages[key] == nil) { isReordered = true }
            pages[key] = page
            if let page, let index = indexes[key] { changed.append((index, page)) }
        }
        dirty.removeAll()
        if isReordered {
            arrange()
        } else {
            rendered?.replace(changed)
        }
        return keys.count
    }

    /// Renders pages. The first rendering uses several processors; later ones leave them to scrapes.
    private func renderedPages(_ keys: [PageKey], _ deflater: Deflater) -> [Page?] {
        let processors =
            rendered == nil
            ? min(ProcessInfo.processInfo.activeProcessorCount, keys.count / Self.pagesForProcessor, 8) : 1
        var deflaters = [deflater]
        for _ in 1..<max(1, processors) {
            // Without memory for another deflater the existing ones do its work.
            if let another = try? Deflater() { deflaters.append(another) }
        }
        var pages = [Page?](repeating: nil, count: keys.count)
        pages.withUnsafeMutableBufferPointer { pages in
            // Each iteration has its own deflater and indexes, and all iterations end before this returns.
            nonisolated(unsafe) let (pages, deflaters) = (pages, deflaters)
            DispatchQueue.concurrentPerform(iterations: deflaters.count) { first in
                for index in stride(from: first, to: keys.count, by: deflaters.count) {
                    pages[index] = page(keys[index], deflaters[first])
                }
            }
        }
        return pages
    }

    /// Sorts the pages, after some were added or removed.
    private mutating func arrange() {
        let ordered = pages.sorted { $0.key < $1.key }
        indexes = Dictionary(uniqueKeysWithValues: ordered.enumerated().map { ($1.key, $0 + 1) })
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

/// The value of a series.
enum SampleValue: Sendable, Equatable {
    case number(Double)
    /// Observations by bucket, not cumulative, the last bucket being `+Inf`; and their sum.
    case histogram(counts: [UInt64], sum: Double)
}

/// One account's series of one family in chunks of a bounded size, so that a change renders only its chunk.
struct SeriesTable {
    struct Entry: Equatable {
        let labels: LabelSet
        let created: UnixTimestamp?
        /// Nil while the series is hidden.
        var value: SampleValue?
    }

    /// Number of series in a chunk: about 30 kB of text.
    static let chunkSize = 256

    private(set) var chunks: [[Entry]] = []
    private var slots: [Int64: Int] = [:]
    private var count = 0

    /// Sets a series' value and returns the chunk that changed; nil if nothing changed.
    ///
    /// - Parameters:
    ///   - key: identifies the series in this table.
    ///   - labels: used only when the series gets its first value.
    mutating func set(
        _ key: Int64, _ value: SampleValue?, labels: LabelSet, created: UnixTimestamp? = nil
    ) -> Int? {
        if let index = slots[key] {
            let (chunk, slot) = index.quotientAndRemainder(dividingBy: Self.chunkSize)
            let before = chunks[chunk][slot].value
            guard before != value else { return nil }
            chunks[chunk][slot].value = value
            return chunk
        }
        guard let value else { return nil }
        let (chunk, slot) = count.quotientAndRemainder(dividingBy: Self.chunkSize)
        if slot == 0 { chunks.append([]) }
        chunks[chunk].append(Entry(labels: labels, created: created, value: value))
        slots[key] = count
        count += 1
        return chunk
    }

    /// Replaces every series and returns the chunks that changed.
    mutating func replace(with entries: [Entry]) -> [Int] {
        let before = chunks
        chunks = stride(from: 0, to: entries.count, by: Self.chunkSize).map {
            Array(entries[$0..<min($0 + Self.chunkSize, entries.count)])
        }
        slots = [:]
        count = entries.count
        return (0..<max(before.count, chunks.count)).filter { chunk in
            chunk >= before.count || chunk >= chunks.count || before[chunk] != chunks[chunk]
        }
    }
}
