import Foundation

/// The ledger's files as they were last seen.
///
/// SQLite goes on writing to a file that was deleted or exchanged under it, and nobody would find what it wrote: so this
/// looks before every commit. It looks at names and sizes alone, which costs three system calls.
struct LedgerFootprint {
    /// What became of the files since they were last looked at.
    enum Finding: Equatable {
        /// They are what they were, or have grown.
        case intact
        /// One was deleted, with its folder or without.
        case missing
        /// Another file has the name of one, or the database is shorter than it was.
        case altered
    }

    private struct Part {
        var device: UInt64
        var inode: UInt64
        var size: Int64
    }

    private let paths: [String]
    /// Nil for a file that there was none of yet: SQLite makes its log with the first commit.
    private var parts: [Part?]

    /// The files as they are now.
    init(of file: LedgerFile) {
        paths = file.parts
        parts = paths.map(Self.part)
    }

    /// Looks at the files, and remembers what it saw of those that are intact.
    mutating func look() -> Finding {
        for (index, path) in paths.enumerated() {
            guard let known = parts[index] else {
                parts[index] = Self.part(path)
                continue
            }
            guard let found = Self.part(path) else { return .missing }
            guard found.device == known.device, found.inode == known.inode else { return .altered }
            // The log and its index are cut back by SQLite itself; the database only grows.
            if index == 0, found.size < known.size { return .altered }
            parts[index] = found
        }
        return .intact
    }

    /// Removes the log of a database that is no longer at its place: SQLite leaves it, and would take it for the log of the
    /// file that is there next. Nobody may have the files open any more.
    func removeOrphanedLog() {
        guard !isInPlace(0) else { return }
        for index in 1..<paths.count where isInPlace(index) { unlink(paths[index]) }
    }

    private func isInPlace(_ index: Int) -> Bool {
        guard let known = parts[index], let found = Self.part(paths[index]) else { return false }
        return found.device == known.device && found.inode == known.inode
    }

    private static func part(_ path: String) -> Part? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Part(device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size))
    }
}
