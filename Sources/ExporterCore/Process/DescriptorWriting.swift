import Foundation

/// Writing to open files by write(2), which may take less than it is given.
package enum DescriptorWriting {
    /// Writes all bytes, however many calls that takes.
    ///
    /// - Returns: why not, as in errno(3); nil once all are written.
    package static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32? {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                // Whoever shares this end of a pipe may have made it non-blocking: wait as a blocking one would.
                var writable = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&writable, 1, -1)
            } else if errno != EINTR {
                return errno
            }
        }
        return nil
    }
}
