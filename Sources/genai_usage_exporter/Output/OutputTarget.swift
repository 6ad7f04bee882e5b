import Foundation

/// Where a command's output goes: standard output, or a file that is replaced as a whole once all is written.
struct OutputTarget {
    private let path: String?

    /// - Parameter path: nil for standard output.
    init(_ path: String?) {
        self.path = path
    }

    /// Writes what `body` gives, a piece at a time.
    ///
    /// - Throws: `CommandFailure` where it cannot be written, and what `body` throws; a file is then as it was before.
    func write<Value>(_ body: (_ write: @escaping @Sendable ([UInt8]) throws -> Void) async throws -> Value)
        async throws
        -> Value
    {
        guard let path else {
            return try await body { try Self.write($0, to: STDOUT_FILENO, named: "to standard output") }
        }
        // Beside it, so that it can be renamed into place.
        let draft = "\(path).\(getpid()).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.failure(path) }
        do {
            defer { close(descriptor) }
            let value = try await body { try Self.write($0, to: descriptor, named: path) }
            guard fsync(descriptor) == 0, rename(draft, path) == 0 else { throw Self.failure(path) }
            return value
        } catch {
            unlink(draft)
            throw error
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: CInt, named name: String) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw failure(name)
            }
            rest = rest.dropFirst(count)
        }
    }

    private static func failure(_ name: String) -> CommandFailure {
        CommandFailure(message: "cannot write \(name): \(String(cString: strerror(errno)))")
    }
}
