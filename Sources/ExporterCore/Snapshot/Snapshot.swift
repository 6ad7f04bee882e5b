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
            var bytes = tail.flatMap { $0.pages.flatMap { Array($0.parts[format].bytes.readableBytesView) } }
            bytes += format.terminator
            let end = deflater?.encode(bytes) ?? .empty
            let joined = main.joined[format]
            var member = joined.member
            member.add(end)
            bodies[BodyKey(format: format, encoding: .identity)] = SnapshotBody(
                runs: joined.identity + [[end.bytes]], length: member.length)
            bodies[BodyKey(format: format, encoding: .gzip)] = SnapshotBody(
                parts: [GzipMember.header] + joined.deflated + [end.deflated, member.trailer])
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
    /// Bytes of all parts.
    public let length: Int
    /// The parts by lists, most of which the snapshots before and after this one have too.
    private let runs: [[ByteBuffer]]

    init(runs: [[ByteBuffer]], length: Int) {
        self.runs = runs
        self.length = length
    }

    init(parts: [ByteBuffer]) {
        let parts = parts.filter { $0.readableBytes > 0 }
        self.init(runs: [parts], length: parts.reduce(0) { $0 + $1.readableBytes })
    }

    /// Buffers to be sent one after the other; shared, not copied.
    public var parts: [ByteBuffer] { runs.flatMap { $0 } }

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
    /// A format's bytes, plain and compressed.
    struct Joined: Sendable {
        fileprivate(set) var identity: [[ByteBuffer]] = []
        fileprivate(set) var deflated: [ByteBuffer] = []
        fileprivate(set) var member = GzipMember()
    }

    let families: [RenderedFamily]
    let joined: PerFormat<Joined>

    static let empty = Document(families: [], deflater: nil)

    /// Up to this size an exposition is copied together and compressed as one: smaller and quicker to send.
    static let joinedBytes = 256 * 1024

    init(families: [RenderedFamily], deflater: Deflater?) {
        self.families = families
        joined = PerFormat { Self.join(families, $0, deflater) }
    }

    private static func join(_ families: [RenderedFamily], _ format: ExpositionFormat, _ deflater: Deflater?) -> Joined
    {
        var joined = Joined()
        for family in families {
            joined.member.add(family.member[format])
            for run in family.runs {
                let encoded = run.encoded[format]
                joined.identity.append(encoded.bytes)
                joined.deflated.append(encoded.deflated)
            }
        }
        guard let deflater, joined.member.length <= joinedBytes else { return joined }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(joined.member.length)
        for run in joined.identity {
            for buffer in run { bytes.append(contentsOf: buffer.readableBytesView) }
        }
        let whole = deflater.encode(bytes)
        joined.identity = [[whole.bytes]]
        joined.deflated = [whole.deflated]
        return joined
    }
}
