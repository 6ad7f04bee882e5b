import Foundation
import NIOConcurrencyHelpers
import UsageModel

/// Locks the folder against a second process: an advisory lock on its file `lock`, released when the process ends.
final class FolderLock: Sendable {
    private let path: String
    /// Nil once released.
    private let descriptor: NIOLockedValueBox<Int32?>

    /// Takes the lock, or throws an error with its holder.
    init(folder: String, now: Timestamp) throws {
        path = folder + "/lock"
        let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard opened >= 0 else { throw LedgerError.notWritable(path: path, reason: String(cString: strerror(errno))) }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            let holder = Self.holder(opened)
            close(opened)
            switch code {
            case EWOULDBLOCK: throw LedgerError.locked(by: holder)
            // flock(2) on a file system or server without locks.
            case ENOLCK, EOPNOTSUPP, ENOSYS, EINVAL:
                throw LedgerError.networkStorage(
                    path: folder, obstacle: "file locks (\(String(cString: strerror(code))))")
            default: throw LedgerError.notWritable(path: path, reason: String(cString: strerror(code)))
            }
        }
        let text = Array("\(getpid()) \(now)\n".utf8)
        guard ftruncate(opened, 0) == 0, pwrite(opened, text, text.count, 0) == text.count else {
            let code = errno
            close(opened)
            throw code == ENOSPC || code == EDQUOT
                ? LedgerError.full(path: path)
                : LedgerError.notWritable(path: path, reason: String(cString: strerror(code)))
        }
        descriptor = NIOLockedValueBox(opened)
    }

    deinit { release() }

    /// Whether the lock is held on the file at its path, not on one that was deleted meanwhile.
    var isInPlace: Bool {
        descriptor.withLockedValue { opened in
            var held = stat()
            var found = stat()
            guard let opened, fstat(opened, &held) == 0, stat(path, &found) == 0 else { return false }
            return held.st_dev == found.st_dev && held.st_ino == found.st_ino
        }
    }

    /// Releases the lock. The file stays: deleting it would allow two processes to lock two files of the same name.
    func release() {
        descriptor.withLockedValue { held in
            guard let opened = held else { return }
            // Closing the descriptor is not enough: a child process that has not called exec yet has a copy of it.
            flock(opened, LOCK_UN)
            close(opened)
            held = nil
        }
    }

    private static func holder(_ opened: Int32) -> LockHolder? {
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = pread(opened, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        let words = String(decoding: bytes[..<count], as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let processID = Int32(words[0]), let since = Timestamp(words[1]) else { return nil }
        return LockHolder(processID: processID, since: since)
    }
}
