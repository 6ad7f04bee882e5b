import CZlib
import NIOCore

/// Bytes and their raw deflate form, which can be concatenated with others inside one gzip member.
struct EncodedPart: Sendable {
    let bytes: ByteBuffer
    /// Raw deflate blocks, ended on a byte boundary by a sync flush; not the last block of a stream.
    let deflated: ByteBuffer
    /// CRC-32 of `bytes`.
    let checksum: UInt32

    static let empty = EncodedPart(bytes: ByteBuffer(), deflated: ByteBuffer(), checksum: 0)
}

/// Compresses parts that are concatenated later (RFC 1951 blocks, RFC 1952 frame).
///
/// The deflate state is reused for each part, because creating one zeroes 256 KiB of memory.
final class Deflater {
    /// zlib could not allocate its state.
    struct Unavailable: Error {}

    private var stream = z_stream()

    /// - Parameter level: zlib's level, 1 (fast) to 9 (small). Expositions are only a sixth larger at 3 than at 6,
    ///   zlib's default, and take a third of the time.
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
        // Copy the output, because the buffer is as large as the text and the output only a tenth of that.
        return EncodedPart(
            bytes: ByteBuffer(bytes: bytes), deflated: ByteBuffer(bytes: output.readableBytesView),
            checksum: UInt32(checksum))
    }
}

/// Several parts in order, with their compressed forms in one buffer.
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

/// A gzip member of parts that were compressed separately.
///
/// Browsers read only the first member of a gzip body, so the parts are concatenated inside one, and their CRCs are
/// combined.
struct GzipMember: Sendable {
    /// No name, no time, unknown system, so that equal content has equal bytes.
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
