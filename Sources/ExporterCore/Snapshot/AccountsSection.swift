import NIOCore
import PrometheusExposition

/// A document up to its end: the families of accounts, put together once per change of theirs.
struct AccountsSection: Sendable {
    let families: [RenderedFamily]
    /// Checksum and length of all families.
    let member: PerFormat<GzipMember>
    /// All families in one part, in a format in which they are small.
    private let whole: PerFormat<EncodedPart?>

    static let empty = AccountsSection(families: [], deflater: nil)

    /// Up to this size an exposition is copied together and compressed as one: smaller and quicker to send.
    private static let joinedBytes = 256 * 1024

    init(families: [RenderedFamily], deflater: Deflater?) {
        self.families = families
        let member = PerFormat { format in
            var member = GzipMember()
            for family in families { member.add(family.member[format]) }
            return member
        }
        self.member = member
        whole = PerFormat { format in
            guard let deflater, member[format].length <= Self.joinedBytes else { return nil }
            return deflater.encode(families.copied(format))
        }
    }

    /// The bytes in a format.
    func identity(_ format: ExpositionFormat) -> [ByteBuffer] {
        if let whole = whole[format] { [whole.bytes] } else { families.flatMap { $0.identity(format) } }
    }

    /// The same as raw deflate blocks.
    func deflated(_ format: ExpositionFormat) -> [ByteBuffer] {
        if let whole = whole[format] { [whole.deflated] } else { families.flatMap { $0.deflated(format) } }
    }
}

/// The end of a document: the exporter's own families, which change at other times than the rest, and the last line.
struct ExporterSection: Sendable {
    let families: [RenderedFamily]
    let parts: PerFormat<EncodedPart>

    static let empty = ExporterSection(families: [], parts: PerFormat { _ in .empty })

    init(families: [RenderedFamily], deflater: Deflater) {
        self.init(
            families: families, parts: PerFormat { deflater.encode(families.copied($0) + $0.terminator) })
    }

    private init(families: [RenderedFamily], parts: PerFormat<EncodedPart>) {
        self.families = families
        self.parts = parts
    }
}

extension RenderedFamily {
    /// The bytes in a format.
    fileprivate func identity(_ format: ExpositionFormat) -> [ByteBuffer] {
        runs.flatMap { $0.encoded[format].bytes }
    }

    /// The same as raw deflate blocks.
    fileprivate func deflated(_ format: ExpositionFormat) -> [ByteBuffer] {
        runs.map { $0.encoded[format].deflated }
    }
}

extension [RenderedFamily] {
    /// The bytes of all families, copied together.
    fileprivate func copied(_ format: ExpositionFormat) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(reduce(0) { $0 + $1.member[format].length })
        for family in self {
            for page in family.identity(format) { bytes.append(contentsOf: page.readableBytesView) }
        }
        return bytes
    }
}

/// A value for each format that is served.
struct PerFormat<Value: Sendable>: Sendable {
    private let text: Value
    private let openMetrics: Value

    init(text: Value, openMetrics: Value) {
        self.text = text
        self.openMetrics = openMetrics
    }

    /// Makes the value of each format.
    init(_ make: (ExpositionFormat) -> Value) {
        self.init(text: make(.text004), openMetrics: make(.openMetrics100))
    }

    subscript(format: ExpositionFormat) -> Value {
        switch format {
        case .text004: text
        case .openMetrics100: openMetrics
        }
    }
}
