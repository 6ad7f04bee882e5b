import Foundation
import NIOConcurrencyHelpers

/// Where log lines go.
public protocol LogOutput: Sendable {
    /// Writes one line, its line break included.
    func write(_ line: [UInt8])
}

/// An open file, unbuffered: what was logged before a crash has been written.
public final class DescriptorOutput: LogOutput {
    /// Standard error, once for the whole process: lines of two outputs would not wait for each other.
    public static let standardError = DescriptorOutput(STDERR_FILENO)

    private let descriptor: Int32
    private let turn = NIOLock()

    /// Writes to this descriptor, which stays the caller's to close.
    public init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Writes the line with one `write(2)`, so that lines of several threads or processes do not mix.
    ///
    /// A line that the kernel takes in parts (a full pipe) is continued before another begins. A line that cannot be
    /// written is lost: logging must not stop the program.
    public func write(_ line: [UInt8]) {
        turn.withLock { _ = DescriptorWriting.write(line, to: descriptor) }
    }
}
