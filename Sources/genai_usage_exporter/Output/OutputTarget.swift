import ExporterCore
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
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            // A device or a pipe is written to: a file in its place would be another thing.
            return try await Self.write(to: open(path, O_WRONLY | O_CLOEXEC), named: path, body)
        }
        // A link stays one: what it leads to is replaced.
        let target = realpath(path, nil).map { resolved in
            defer { free(resolved) }
            return String(cString: resolved)
        }
        // Beside it, so that it can be renamed into place; under one name, so that of tries that were killed one stays.
        let draft = (target ?? path) + ".new"
        // What lies there is another try's or a link that was planted: neither is written to.
        unlink(draft)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.failure(path) }
        var own = stat()
        do {
            if target != nil {
                // As the file that is replaced was; only root can give a file to another user.
                _ = fchown(descriptor, status.st_uid, status.st_gid)
                fchmod(descriptor, status.st_mode & 0o7777)
            }
            fstat(descriptor, &own)
            let value = try await Self.write(to: descriptor, named: path, body)
            var found = stat()
            guard lstat(draft, &found) == 0, found.st_dev == own.st_dev, found.st_ino == own.st_ino else {
                throw CommandFailure(message: "cannot write \(path): another process writes it too")
            }
            guard rename(draft, target ?? path) == 0 else { throw Self.failure(path) }
            return value
        } catch {
            var found = stat()
            if lstat(draft, &found) == 0, found.st_dev == own.st_dev, found.st_ino == own.st_ino { unlink(draft) }
            throw error
        }
    }

    /// Writes to an open file and closes it; a descriptor below 0 is the failure to open it.
    private static func write<Value>(
        to descriptor: CInt, named name: String,
        _ body: (_ write: @escaping @Sendable ([UInt8]) throws -> Void) async throws -> Value
    ) async throws -> Value {
        guard descriptor >= 0 else { throw failure(name) }
        defer { close(descriptor) }
        let value = try await body { try write($0, to: descriptor, named: name) }
        // Pipes and devices have nothing to sync, and say so.
        guard fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS || errno == ENOTSUP else {
            throw failure(name)
        }
        return value
    }

    private static func write(_ bytes: [UInt8], to descriptor: CInt, named name: String) throws {
        if let code = DescriptorWriting.write(bytes, to: descriptor) { throw failure(name, code) }
    }

    private static func failure(_ name: String, _ code: CInt = errno) -> CommandFailure {
        CommandFailure(message: "cannot write \(name): \(String(cString: strerror(code)))")
    }
}
