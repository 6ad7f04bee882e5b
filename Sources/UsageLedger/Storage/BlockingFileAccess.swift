import Dispatch

/// Runs file operations that may block for long, such as `fsync` of a large file or any operation on network storage.
///
/// The threads of Swift's concurrency, which serve scrapes too, are as few as the CPUs and must not block.
package enum BlockingFileAccess {
    private static let queue = DispatchQueue(label: "ledger-files", qos: .utility, attributes: .concurrent)

    /// Runs a body on a thread of its own.
    package static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }
}
