import Foundation
import UsageLedger
import UsageModel

/// The folder of the scheduled snapshots.
///
/// A file's name contains the time of its snapshot, so that the schedule continues after a restart:
/// `ledger-2026-11-28T120000Z.sqlite`, or `ledger-shard2-…` of one of several shards. Other files are ignored.
struct SnapshotFolder: Sendable {
    let path: String
    private let prefix: String
    private static let suffix = ".sqlite"

    init(_ path: String, shard: Shard) {
        self.path = path
        prefix = shard.total > 1 ? "ledger-shard\(shard.ordinal)-" : "ledger-"
    }

    /// Returns the path of the snapshot of a time, which must be a whole second.
    func file(of time: Timestamp) -> String { "\(path)/\(name(of: time))" }

    private func name(of time: Timestamp) -> String {
        prefix + time.description.replacing(":", with: "") + Self.suffix
    }

    /// Returns the time in a file's name; nil if the name is not exactly that of a snapshot.
    private func time(of name: String) -> Timestamp? {
        guard name.hasPrefix(prefix), name.hasSuffix(Self.suffix),
            let parts = name.dropFirst(prefix.count).dropLast(Self.suffix.count)
                .wholeMatch(of: /([0-9-]{10}T[0-9]{2})([0-9]{2})([0-9]{2}Z)/),
            let time = Timestamp("\(parts.1):\(parts.2):\(parts.3)"), self.name(of: time) == name
        else { return nil }
        return time
    }

    /// Returns the times of the snapshots in the folder, in order; none if there is no folder.
    ///
    /// - Throws: `SnapshotFolderFailure`.
    func snapshots() async throws -> [Timestamp] {
        try await BlockingFileAccess.run { try names().compactMap { time(of: $0) }.sorted() }
    }

    /// Creates the folder with mode 0700 if it is missing, and deletes incomplete snapshots of a killed process.
    ///
    /// - Throws: `SnapshotFolderFailure`.
    func prepare() async throws {
        try await BlockingFileAccess.run {
            try create()
            for name in try names() {
                guard let draft = name.range(of: Self.suffix + LedgerCopy.draftSuffix),
                    time(of: "\(name[..<draft.lowerBound])\(Self.suffix)") != nil
                else { continue }
                try delete("\(path)/\(name)")
            }
        }
    }

    /// Deletes the snapshot of a time.
    ///
    /// - Throws: `SnapshotFolderFailure`.
    func remove(_ time: Timestamp) async throws {
        try await BlockingFileAccess.run { try delete(file(of: time)) }
    }

    /// Creates the folder and its parents.
    private func create() throws {
        var end = path.startIndex
        while end < path.endIndex {
            end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
            guard mkdir(String(path[..<end]), 0o700) == 0 || errno == EEXIST else {
                throw SnapshotFolderFailure("cannot make the folder \(path)")
            }
        }
    }

    private func names() throws -> [String] {
        guard let folder = opendir(path) else {
            if errno == ENOENT { return [] }
            throw SnapshotFolderFailure("cannot read the folder \(path)")
        }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            withUnsafePointer(to: &entry.pointee.d_name) { bytes in
                bytes.withMemoryRebound(to: CChar.self, capacity: 256) { names.append(String(cString: $0)) }
            }
        }
        return names
    }

    private func delete(_ file: String) throws {
        guard unlink(file) == 0 || errno == ENOENT else { throw SnapshotFolderFailure("cannot delete \(file)") }
    }
}

/// A failed operation on the folder of the snapshots.
struct SnapshotFolderFailure: Error, CustomStringConvertible {
    let description: String

    /// - Parameter operation: what failed; the reason is that of `errno`.
    init(_ operation: String) {
        description =
            "\(operation): \(String(cString: strerror(errno))); set snapshot.path to a folder this user can write"
    }
}

extension Timestamp {
    /// The start of the second that contains this time.
    var wholeSecond: Timestamp {
        let remainder = milliseconds % 1000
        return Timestamp(milliseconds: milliseconds - (remainder < 0 ? remainder + 1000 : remainder))
    }
}
