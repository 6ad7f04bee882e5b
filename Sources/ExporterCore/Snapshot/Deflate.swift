import CZlib
import NIOCore

/// A run of bytes and its raw deflate form, which can be put together with others inside one gzip member.
struct EncodedPart: Sendable {
    let bytes: ByteBuffer
    /// Raw deflate blocks, ended on a byte boundary by a sync flush; not the last block of a stream.
    let deflated: ByteBuffer
    /// CRC-32 of `bytes`.
    let checksum: UInt32

    static let empty = EncodedPart(bytes: ByteBuffer(), deflated: ByteBuffer(), checksum: 0)
}

/// Compresses parts that are put together later (RFC 1951 blocks, RFC 1952 frame).
///
/// One deflate state is kept and reset for each part: setting one up costs 256 KiB of zeroed memory.
final class Deflater {
    /// Why nothing could be compressed: zlib had no memory for its state.
    struct Unavailable: Error {}

    private var stream = z_stream()

    /// - Parameter level: zlib's, 1 (fast) to 9 (small). Lines that repeat each other's labels come out only a sixth larger
    ///   at 3 than at 6, zlib's own choice, and take a third of the time.
    init(level: Int32 = 3) throws(Unavailable) {
        guard czlib_deflate_init_raw(&stream, level) == Z_OK else { throw Unavailable() }
    }

    deinit {
        deflateEnd(&stream)
    }

    /// Compresses a part.
    func encode(_ bytes: [UInt8]) -> EncodedPart {
        guard !bytes.isEmpty else { return .empty }
        deflateReset(&stream)
        // A sync flush adds an empty stored block of at most 5 bytes beyond zlib's own bound.
        let bound = Int(deflateBound(&stream, UInt(bytes.count))) + 16
        var output = ByteBufferAllocator().buffer(capacity: bound)
        var input = bytes
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { target in
            input.withUnsafeMutableBufferPointer { source in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.avail_out = UInt32(target.count)
                _ = deflate(&stream, Z_SYNC_FLUSH)
                return target.count - Int(stream.avail_out)
            }
        }
        let checksum = bytes.withUnsafeBufferPointer { crc32(0, $0.baseAddress, UInt32($0.count)) }
        // Copied out: the buffer is as large as the text, and what is kept of it a tenth of that.
        return EncodedPart(
            bytes: ByteBuffer(bytes: bytes), deflated: ByteBuffer(bytes: output.readableBytesView),
            checksum: UInt32(checksum))
    }
}

/// Several parts one after the other, with their compressed forms in one buffer.
struct EncodedRun: Sendable {
    let bytes: [ByteBuffer]
    let deflated: ByteBuffer
    /// Checksum and length of `bytes`.
    private(set) var member = GzipMember()

    init(_ parts: [EncodedPart]) {
        bytes = parts.map(\.bytes)
        var deflated = ByteBuffer()
        deflated.reserveCapacity(parts.reduce(0) { $0 + $1.deflated.readableBytes })
        for part in parts {
            deflated.writeImmutableBuffer(part.deflated)
            member.add(part)
        }
        self.deflated = deflated
    }
}

/// A gzip member made of parts that were compressed one by one.
///
/// Browsers read only the first member of a gzip body, so the parts are joined inside one; their CRCs combine.
struct GzipMember: Sendable {
    /// No name, no time, unknown system: the same bytes for the same content.
    static let header = ByteBuffer(bytes: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])

    private(set) var checksum: UInt32 = 0
    private(set) var length = 0

    mutating func add(_ part: EncodedPart) {
        add(checksum: part.checksum, length: part.bytes.readableBytes)
    }

    mutating func add(_ next: GzipMember) {
        add(checksum: next.checksum, length: next.length)
    }

    private mutating func add(checksum added: UInt32, length addedLength: Int) {
        checksum = UInt32(crc32_combine(UInt(checksum), UInt(added), addedLength))
        length += addedLength
    }

    /// An empty last block, then CRC-32 and length, least significant byte first.
    var trailer: ByteBuffer {
        var buffer = ByteBuffer(bytes: [0x03, 0x00])
        buffer.writeInteger(checksum, endianness: .little)
        buffer.writeInteger(UInt32(truncatingIfNeeded: length), endianness: .little)
        return buffer
    }
}
