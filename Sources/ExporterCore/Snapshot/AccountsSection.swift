import NIOCore
import PrometheusExposition

/// The first section of an exposition: the families of accounts, assembled when one of them changed.
struct AccountsSection: Sendable {
    let families: [RenderedFamily]
    /// Checksum and length of all families.
    let member: PerFormat<GzipMember>
    /// All families in one part; nil in a format in which they are large.
    private let whole: PerFormat<EncodedPart?>

    static let empty = AccountsSection(families: [], deflater: nil)

    /// Sections up to this size are compressed as one part, which is smaller and faster to send.
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

/// The last section of an exposition: the exporter's own families, which change independently of the accounts, and
/// the terminator.
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
    /// The concatenated bytes of all families.
    fileprivate func copied(_ format: ExpositionFormat) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(reduce(0) { $0 + $1.member[format].length })
        for family in self {
            for page in family.identity(format) { bytes.append(contentsOf: page.readableBytesView) }
        }
        return bytes
    }
}

/// A value for each exposition format.
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
