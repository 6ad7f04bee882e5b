import NIOCore
import PrometheusExposition

/// The part of a snapshot that a scrape requests.
package struct SnapshotSelection: Sendable, Hashable {
    /// The index of the only account to serve; nil for all accounts and the exporter's own series.
    package var account: Int?
    /// Names of families, or of samples, which select their whole family; empty for all.
    package var names: Set<String>
    /// Whether the exporter's own families (`genai_exporter_*`, `process_*`) are omitted even if `account` is nil.
    package var isAccountsOnly = false

    /// Selects the whole snapshot by default.
    package init(account: Int? = nil, names: Set<String> = []) {
        self.account = account
        self.names = names
    }

    /// Whether the whole snapshot is selected.
    package var isWhole: Bool { account == nil && names.isEmpty && !isAccountsOnly }

    /// The suffixes of sample names in either format.
    private static let suffixes = ["", "_total", "_created", "_bucket", "_sum", "_count"]

    func takes(_ family: MetricFamily) -> Bool {
        guard !names.isEmpty else { return true }
        let base = family.type == .counter ? String(family.name.dropLast("_total".count)) : family.name
        return Self.suffixes.contains { names.contains(base + $0) }
    }
}

extension Snapshot {
    /// The body of a scrape of a part.
    ///
    /// Whole families reuse their compressed parts. One account's lines are copied from pages that it shares with
    /// others, and compressed for each scrape.
    ///
    /// - Throws: if there is no memory to compress with.
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
    /// Appends one account's lines with the family's header, or nothing if the account has no series in the family.
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
