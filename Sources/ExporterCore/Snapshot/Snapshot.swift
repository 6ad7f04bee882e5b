import NIOCore
import PrometheusExposition

/// How a body is sent.
public enum BodyEncoding: Sendable, Hashable {
    case identity
    case gzip
}

/// A complete exposition at one moment, as bytes: immutable, shared by every scrape that begins before the next.
public struct Snapshot: Sendable {
    /// Everything of accounts, by family.
    let families: [RenderedFamily]
    /// The exporter's own families, which change more often than the rest.
    let tail: [RenderedFamily]
    private let bodies: [BodyKey: SnapshotBody]

    private struct BodyKey: Hashable {
        let format: ExpositionFormat
        let encoding: BodyEncoding
    }

    /// Nothing yet.
    public static let empty = Snapshot(main: Document.empty, tail: [], deflater: nil)

    init(main: Document, tail: [RenderedFamily], deflater: Deflater?) {
        families = main.families
        self.tail = tail
        var bodies: [BodyKey: SnapshotBody] = [:]
        for format in ExpositionFormat.allCases {
            var bytes = tail.flatMap { $0.pages.flatMap { Array($0.part(format).bytes.readableBytesView) } }
            bytes += format.terminator
            let end = deflater?.encode(bytes) ?? .empty
            bodies[BodyKey(format: format, encoding: .identity)] = SnapshotBody(
                parts: main.identity(format) + [end.bytes])
            var member = main.member(format)
            member.add(end)
            bodies[BodyKey(format: format, encoding: .gzip)] = SnapshotBody(
                parts: [GzipMember.header] + main.deflated(format) + [end.deflated, member.trailer])
        }
        self.bodies = bodies
    }

    /// The ready-made body of a scrape.
    public func body(_ format: ExpositionFormat, _ encoding: BodyEncoding) -> SnapshotBody {
        bodies[BodyKey(format: format, encoding: encoding)] ?? SnapshotBody(parts: [])
    }
}

/// A body as the parts it is sent in.
public struct SnapshotBody: Sendable {
    /// Buffers to be sent one after the other; shared, not copied.
    public let parts: [ByteBuffer]
    /// Bytes of all parts.
    public let length: Int

    init(parts: [ByteBuffer]) {
        self.parts = parts.filter { $0.readableBytes > 0 }
        length = self.parts.reduce(0) { $0 + $1.readableBytes }
    }

    /// The same bytes in buffers of no more than `size` each; shared, not copied.
    public func slices(upTo size: Int) -> some Sequence<ByteBuffer> {
        parts.lazy.flatMap { part in
            stride(from: part.readerIndex, to: part.writerIndex, by: size).lazy.compactMap { start in
                part.getSlice(at: start, length: Swift.min(size, part.writerIndex - start))
            }
        }
    }

    /// The body as one array, for tests and files.
    public var bytes: [UInt8] { parts.flatMap { Array($0.readableBytesView) } }
}

/// The rendered families put together in both formats, made once per change.
struct Document: Sendable {
    let families: [RenderedFamily]
    private let text: Joined
    private let openMetrics: Joined

    private struct Joined: Sendable {
        var identity: [ByteBuffer] = []
        var deflated: [ByteBuffer] = []
        var member = GzipMember()
    }

    static let empty = Document(families: [], deflater: nil)

    /// Up to this size an exposition is copied together and compressed as one: smaller and quicker to send.
    static let joinedBytes = 256 * 1024

    init(families: [RenderedFamily], deflater: Deflater?) {
        self.families = families
        text = Self.join(families, .text004, deflater)
        openMetrics = Self.join(families, .openMetrics100, deflater)
    }

    func identity(_ format: ExpositionFormat) -> [ByteBuffer] { joined(format).identity }
    func deflated(_ format: ExpositionFormat) -> [ByteBuffer] { joined(format).deflated }
    func member(_ format: ExpositionFormat) -> GzipMember { joined(format).member }

    private func joined(_ format: ExpositionFormat) -> Joined {
        switch format {
        case .text004: text
        case .openMetrics100: openMetrics
        }
    }

    private static func join(_ families: [RenderedFamily], _ format: ExpositionFormat, _ deflater: Deflater?) -> Joined
    {
        var joined = Joined()
        let runs = families.flatMap { $0.runs.map { $0.encoded(format) } }
        let size = runs.reduce(0) { $0 + $1.member.length }
        if let deflater, size <= joinedBytes {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(size)
            for run in runs {
                for buffer in run.bytes { bytes.append(contentsOf: buffer.readableBytesView) }
            }
            let whole = deflater.encode(bytes)
            joined.identity = [whole.bytes]
            joined.deflated = [whole.deflated]
            joined.member.add(whole)
            return joined
        }
        for run in runs {
            joined.identity.append(contentsOf: run.bytes)
            joined.deflated.append(run.deflated)
            joined.member.add(run.member)
        }
        return joined
    }
}
