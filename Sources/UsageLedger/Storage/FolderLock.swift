import Foundation
import NIOConcurrencyHelpers
import UsageModel

/// Keeps a second process off the folder: an advisory lock on its file `lock`, which the kernel drops with the process.
final class FolderLock: Sendable {
    private let path: String
    /// Nil once released.
    private let descriptor: NIOLockedValueBox<Int32?>

    /// Takes the lock, or says who has it.
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
            // flock(2) where the file system, or its server, has no locks.
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

    /// Whether the lock is held, on the file that others would find: not on one that was deleted meanwhile.
    var isInPlace: Bool {
        descriptor.withLockedValue { opened in
            var held = stat()
            var found = stat()
            guard let opened, fstat(opened, &held) == 0, stat(path, &found) == 0 else { return false }
            return held.st_dev == found.st_dev && held.st_ino == found.st_ino
        }
    }

    /// Lets the next process in. The file stays: deleting it would let two processes lock two files of one name.
    func release() {
        descriptor.withLockedValue { held in
            guard let opened = held else { return }
            // Closing alone would leave it locked while a child of this process that has not called exec yet still
            // holds its copy of the descriptor.
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
