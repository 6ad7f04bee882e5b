import Foundation

/// Writes to file descriptors by write(2), which may write fewer bytes than requested.
package enum DescriptorWriting {
    /// Writes all bytes, with as many calls as necessary.
    ///
    /// - Returns: the errno(3) of a failure; nil after all bytes were written.
    package static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32? {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                // Another process that shares the descriptor may have set O_NONBLOCK: wait as a blocking write would.
                var writable = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&writable, 1, -1)
            } else if errno != EINTR {
                return errno
            }
        }
        return nil
    }
}
