import NIOCore
import PrometheusExposition

/// A part of a snapshot that a reader asks for.
package struct SnapshotSelection: Sendable, Hashable {
    /// The one account whose series are wanted, by its place among the accounts; nil for all accounts and the
    /// exporter's own series.
    package var account: Int?
    /// Names of families, or of samples, whose whole family is then wanted; none for all.
    package var names: Set<String>
    /// Whether the exporter's own families (`genai_exporter_*`, `process_*`) are left out, though no account is chosen.
    package var isAccountsOnly = false

    /// A part; the whole, unless something is given.
    package init(account: Int? = nil, names: Set<String> = []) {
        self.account = account
        self.names = names
    }

    /// Whether everything is wanted.
    package var isWhole: Bool { account == nil && names.isEmpty && !isAccountsOnly }

    /// What the samples of a family may be called beside the family itself, in either format.
    private static let suffixes = ["", "_total", "_created", "_bucket", "_sum", "_count"]

    func takes(_ family: MetricFamily) -> Bool {
        guard !names.isEmpty else { return true }
        let base = family.type == .counter ? String(family.name.dropLast("_total".count)) : family.name
        return Self.suffixes.contains { names.contains(base + $0) }
    }
}

extension Snapshot {
    /// The body of a scrape that asks for a part.
    ///
    /// Whole families are put together of ready-made parts. One account's lines are cut out of pages that it shares
    /// with others, and compressed here.
    ///
    /// - Throws: where there is no memory to compress with.
    package func body(
        _ format: ExpositionFormat, _ encoding: BodyEncoding, of selection: SnapshotSelection
    ) throws -> SnapshotBody {
        if selection.isWhole { return body(format, encoding) }
        let chosen = (selection.account == nil && !selection.isAccountsOnly ? families + tail : families).filter {
            selection.takes($0.family)
        }
        let terminator = try Deflater().encode(format.terminator)
        if let account = selection.account {
            var bytes: [UInt8] = []
            for family in chosen { family.append(account, format, to: &bytes) }
            return Self.body([try Deflater().encode(bytes), terminator], encoding)
        }
        return Self.body(chosen.flatMap { $0.pages.map { $0.parts[format] } } + [terminator], encoding)
    }

    private static func body(_ parts: [EncodedPart], _ encoding: BodyEncoding) -> SnapshotBody {
        switch encoding {
        case .identity: return SnapshotBody(parts: parts.map(\.bytes))
        case .gzip:
            var member = GzipMember()
            for part in parts { member.add(part) }
            return SnapshotBody(parts: [GzipMember.header] + parts.map(\.deflated) + [member.trailer])
        }
    }
}

extension RenderedFamily {
    /// One account's lines with the family's header; nothing where it has no series here.
    fileprivate func append(_ account: Int, _ format: ExpositionFormat, to bytes: inout [UInt8]) {
        let lines = pages.compactMap { page -> ByteBufferView? in
            guard let place = page.accounts[account]?[format] else { return nil }
            return page.parts[format].bytes.getSlice(at: place.lowerBound, length: place.count)?.readableBytesView
        }
        guard !lines.isEmpty, let header = pages.first?.parts[format].bytes else { return }
        bytes += header.readableBytesView
        for line in lines { bytes += line }
    }
}
