import Foundation

/// How files are read, so that tests need none.
package protocol FileReading: Sendable {
    /// The whole file.
    ///
    /// - Parameter limit: the most bytes that are accepted.
    func contents(of path: String, limit: Int) throws(FileReadingFailure) -> [UInt8]

    /// Whether users other than the file's owner may read it; false where that cannot be told.
    func isReadableByOthers(_ path: String) -> Bool
}

/// Why a file could not be read, in plain words and without its name.
package struct FileReadingFailure: Error, Sendable, Hashable {
    /// What was wrong.
    package let reason: String

    /// A failure to read.
    package init(_ reason: String) {
        self.reason = reason
    }
}

/// The machine's own files.
package struct SystemFiles: FileReading {
    /// The machine's own files.
    package init() {}

    /// The whole file.
    package func contents(of path: String, limit: Int) throws(FileReadingFailure) -> [UInt8] {
        // A pipe without a writer would hold the reader up for ever.
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

    /// Whether the mode lets the group or everyone read.
    package func isReadableByOthers(_ path: String) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        return status.st_mode & (S_IRGRP | S_IROTH) != 0
    }

    /// Gives whoever writes into a pipe a second, such as the shell does for `<(command)`.
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

/// A path in the config file: relative ones start at the config file's folder.
///
/// Where there is nothing and the config file is a symbolic link, they start at the folder of the file that it leads to: an
/// image may link the config from elsewhere.
package func resolvedPath(_ path: String, besides configFile: String) -> String {
    guard !path.hasPrefix("/") else { return path }
    func beside(_ file: String) -> String { (file.lastIndex(of: "/").map { String(file[...$0]) } ?? "") + path }
    let expected = beside(configFile)
    guard access(expected, F_OK) != 0, let resolved = realpath(configFile, nil) else { return expected }
    defer { free(resolved) }
    let linked = beside(String(cString: resolved))
    return access(linked, F_OK) == 0 ? linked : expected
}
