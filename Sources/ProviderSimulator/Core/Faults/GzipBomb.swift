import CZlib
import NIOCore

/// A gzip body that is a thousand times as long when it is expanded: white space, which JSON may begin with.
struct GzipBomb {
    /// A MiB of spaces as deflate blocks that need nothing of what came before, so that they can be repeated.
    private let block: [UInt8]
    private let checksum: UInt

    private static let blockLength = 1 << 20

    /// zlib has no memory for its state.
    struct Unavailable: Error {}

    init() throws(Unavailable) {
        var spaces = [UInt8](repeating: UInt8(ascii: " "), count: Self.blockLength)
        var stream = z_stream()
        guard czlib_deflate_init_raw(&stream, 9) == Z_OK else { throw Unavailable() }
        defer { deflateEnd(&stream) }
        var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(spaces.count))) + 16)
        let length = spaces.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                _ = deflate(&stream, Z_FULL_FLUSH)
                return target.count - Int(stream.avail_out)
            }
        }
        block = Array(output[..<length])
        checksum = UInt(crc32(0, spaces, UInt32(spaces.count)))
    }

    /// Hands the compressed form of so many MiB to `write`, a piece at a time.
    func write(mebibytes: Int, _ write: (ByteBuffer) async throws -> Void) async throws {
        try await write(ByteBuffer(bytes: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]))
        var sum: UInt = 0
        for _ in 0..<mebibytes {
            sum = UInt(crc32_combine(sum, checksum, Self.blockLength))
            try await write(ByteBuffer(bytes: block))
        }
        var trailer = ByteBuffer(bytes: [0x03, 0x00])
        trailer.writeInteger(UInt32(sum), endianness: .little)
        trailer.writeInteger(UInt32(truncatingIfNeeded: mebibytes * Self.blockLength), endianness: .little)
        try await write(trailer)
    }
}
