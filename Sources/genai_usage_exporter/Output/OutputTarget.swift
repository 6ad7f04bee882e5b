import ExporterCore
import Foundation
import UsageLedger

/// A command's output: standard output, or a file that is replaced atomically.
struct OutputTarget {
    private let path: String?

    /// - Parameter path: nil for standard output.
    init(_ path: String?) {
        self.path = path
    }

    /// Writes the chunks that `body` produces.
    ///
    /// - Throws: `CommandFailure` if writing fails, and what `body` throws; an existing file is then unchanged.
    func write<Value>(_ body: (_ write: @escaping @Sendable ([UInt8]) throws -> Void) async throws -> Value)
        async throws
        -> Value
    {
        guard let path else {
            return try await body { try Self.write($0, to: STDOUT_FILENO, named: "to standard output") }
        }
        guard !LedgerFile.isInUse(path) else { throw CommandFailure(message: "\(LedgerError.outputInUse(path: path))") }
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            // A device or a pipe is written to directly, because a rename would replace it by a file.
            return try await Self.write(to: open(path, O_WRONLY | O_CLOEXEC), named: path, body)
        }
        // The target of a symbolic link is replaced, not the link.
        let target = LedgerFile.target(of: path)
        // In the same folder, so that it can be renamed; with a fixed name, so that killed runs leave only one file.
        let draft = (target ?? path) + ".new"
        // An existing file is another run's or a planted link, neither of which is written to.
        unlink(draft)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.failure(path) }
        var own = stat()
        do {
            if target != nil {
                // Owner and mode of the replaced file; only root can change the owner.
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

    /// Writes to an open file and closes it; a negative descriptor means that opening it failed.
    private static func write<Value>(
        to descriptor: CInt, named name: String,
        _ body: (_ write: @escaping @Sendable ([UInt8]) throws -> Void) async throws -> Value
    ) async throws -> Value {
        guard descriptor >= 0 else { throw failure(name) }
        defer { close(descriptor) }
        let value = try await body { try write($0, to: descriptor, named: name) }
        // fsync fails on pipes and devices, which have nothing to sync.
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
