import NIOCore
import PrometheusExposition

/// How a body is sent.
public enum BodyEncoding: Sendable, Hashable {
    case identity
    case gzip
}

/// A complete exposition at one moment, as bytes: immutable, shared by every scrape that begins before the next.
///
/// Its parts are listed by each scrape, which sends as many.
public struct Snapshot: Sendable {
    private let main: Document
    private let end: DocumentEnd
    /// Which of the published snapshots it is, from 1.
    public let number: UInt64

    /// Nothing yet.
    public static let empty = Snapshot(main: .empty, end: .empty, number: 0)

    init(main: Document, end: DocumentEnd, number: UInt64) {
        self.number = number
        self.main = main
        self.end = end
    }

    /// Everything of accounts, by family.
    var families: [RenderedFamily] { main.families }
    /// The exporter's own families.
    var tail: [RenderedFamily] { end.families }

    /// The ready-made body of a scrape.
    public func body(_ format: ExpositionFormat, _ encoding: BodyEncoding) -> SnapshotBody {
        let last = end.parts[format]
        switch encoding {
        case .identity:
            return SnapshotBody(parts: main.identity(format) + [last.bytes])
        case .gzip:
            var member = main.member[format]
            member.add(last)
            return SnapshotBody(
                parts: [GzipMember.header] + main.deflated(format) + [last.deflated, member.trailer])
        }
    }
}

/// A body as the parts it is sent in.
public struct SnapshotBody: Sendable {
    /// Bytes of all parts.
    public let length: Int
    /// Buffers to be sent one after the other; shared, not copied.
    public let parts: [ByteBuffer]

    init(parts: [ByteBuffer]) {
        self.parts = parts.filter { $0.readableBytes > 0 }
        length = parts.reduce(0) { $0 + $1.readableBytes }
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
