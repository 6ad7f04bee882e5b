import Foundation

/// Reads files; tests replace it.
package protocol FileReading: Sendable {
    /// Reads a whole file.
    ///
    /// - Parameter limit: the maximum size in bytes.
    func contents(of path: String, limit: Int) throws(FileReadingFailure) -> [UInt8]

    /// Returns whether users other than the file's owner may read it; false if that is unknown.
    func isReadableByOthers(_ path: String) -> Bool
}

/// A failure to read a file, without the file's name.
package struct FileReadingFailure: Error, Sendable, Hashable {
    package let reason: String

    package init(_ reason: String) {
        self.reason = reason
    }
}

/// Reads files of the file system.
package struct SystemFiles: FileReading {
    package init() {}

    package func contents(of path: String, limit: Int) throws(FileReadingFailure) -> [UInt8] {
        // A pipe without a writer would block the reader for ever.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Self.failure(errno) }
        defer { close(descriptor) }
        var contents: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN {
                    try Self.awaitWriter(of: descriptor)
                    continue
                }
                throw Self.failure(errno)
            }
            if count == 0 { return contents }
            contents += buffer[..<count]
            if contents.count > limit { throw FileReadingFailure("it is larger than \(limit) bytes") }
        }
    }

    /// Returns whether the file's mode permits the group or others to read it.
    package func isReadableByOthers(_ path: String) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        return status.st_mode & (S_IRGRP | S_IROTH) != 0
    }

    /// Waits up to a second for the writer of a pipe, such as the shell's `<(command)`.
    private static func awaitWriter(of descriptor: Int32) throws(FileReadingFailure) {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, 1000) != 0 else {
            throw FileReadingFailure("it is a pipe, and nothing was written into it")
        }
    }

    private static func failure(_ code: Int32) -> FileReadingFailure {
        switch code {
        case ENOENT, ENOTDIR: FileReadingFailure("there is no such file")
        case EACCES, EPERM: FileReadingFailure("this user may not read it")
        case EISDIR: FileReadingFailure("it is a folder")
        default: FileReadingFailure(String(cString: strerror(code)))
        }
    }
}

/// Resolves a path of the config file relative to the config file's folder.
///
/// If nothing exists there and the config file is a symbolic link, the path is relative to the link's target, because
/// an image may link the config from another folder.
package func resolvedPath(_ path: String, besides configFile: String) -> String {
    guard !path.hasPrefix("/") else { return path }
    func beside(_ file: String) -> String { (file.lastIndex(of: "/").map { String(file[...$0]) } ?? "") + path }
    let expected = beside(configFile)
    guard access(expected, F_OK) != 0, let resolved = realpath(configFile, nil) else { return expected }
    defer { free(resolved) }
    let linked = beside(String(cString: resolved))
    return access(linked, F_OK) == 0 ? linked : expected
}
