import Foundation
import GRDB
import UsageModel

/// The database file: opened, checked, set aside when damaged, made anew when missing.
struct LedgerFile {
    /// Where it is; SQLite keeps `-wal` and `-shm` beside it.
    let path: String

    /// The ledger's file in its folder.
    init(in folder: String) {
        self.init(path: folder + "/ledger.sqlite")
    }

    private init(path: String) {
        self.path = path
    }

    /// The files that SQLite keeps for one database.
    var parts: [String] { ["", "-wal", "-shm"].map { path + $0 } }

    /// Opens the database, and says where a damaged one was put.
    ///
    /// - Parameter isKnownDamaged: whether it is damaged even if SQLite finds nothing.
    func open(now: Timestamp, isKnownDamaged: Bool = false) throws -> (queue: DatabaseQueue, setAside: String?) {
        var setAside: String?
        if parts.contains(where: { FileManager.default.fileExists(atPath: $0) }) {
            if !isKnownDamaged, let queue = try openSound() { return (queue, nil) }
            setAside = try putAside(now: now)
        }
        try create()
        return (try connect(), setAside)
    }

    /// The existing database, brought to our schema; nil where it is damaged.
    private func openSound() throws -> DatabaseQueue? {
        // A new database is renamed into place when it is whole, so a file without a page (of 512 bytes at least) was cut
        // short. SQLite would take it for a new database and delete the log beside it.
        guard fileSize(path) >= 512 else { return nil }
        guard access(path, W_OK) == 0 else {
            throw LedgerError.notWritable(path: path, reason: String(cString: strerror(errno)))
        }
        do {
            let queue = try connect()
            do {
                guard try isSound(queue) else {
                    try queue.close()
                    return nil
                }
                try LedgerSchema.migrator.migrate(queue)
                return queue
            } catch {
                try? queue.close()
                throw error
            }
        } catch let error as DatabaseError where Self.damage.contains(error.resultCode) {
            return nil
        }
    }

    /// SQLite's codes for a file that is no sound database.
    static let damage: [ResultCode] = [.SQLITE_CORRUPT, .SQLITE_NOTADB]

    private func isSound(_ queue: DatabaseQueue) throws -> Bool {
        try queue.read { db in
            try LedgerSchema.checkOwner(db, path: path)
            // Before anything is made of what the tables hold: pages that were cut off read as zeros.
            guard try String.fetchOne(db, sql: "PRAGMA quick_check(1)") == "ok" else { return false }
            try LedgerSchema.checkVersion(db, path: path)
            return true
        }
    }

    private func connect() throws -> DatabaseQueue { try Self.connect(path) }

    /// SQLite's codes where the file system has no shared memory for the index of the log. A disk that is full has a code
    /// of its own.
    static let noSharedMemory: [ResultCode] = [
        .SQLITE_IOERR_SHMMAP, .SQLITE_IOERR_SHMOPEN, .SQLITE_IOERR_SHMLOCK,
    ]
    /// Seconds that a statement waits for another program's lock.
    static let patience = 5

    /// Opens the database. Network file systems often cannot map memory that processes share: the index of the log is then
    /// kept in this process, which has the file to itself.
    private static func connect(_ path: String) throws -> DatabaseQueue {
        do {
            return try connect(path, isExclusive: false)
        } catch let error as DatabaseError where noSharedMemory.contains(error.extendedResultCode) {
            return try connect(path, isExclusive: true)
        }
    }

    /// Whether no other process can open the database.
    static func isExclusive(_ queue: DatabaseQueue) throws -> Bool {
        try queue.read { try String.fetchOne($0, sql: "PRAGMA locking_mode") } == "exclusive"
    }

    private static func connect(_ path: String, isExclusive: Bool) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "UsageLedger"
        configuration.journalMode = .wal
        // Someone may look into the file with another tool; a commit waits for that rather than fail.
        configuration.busyMode = .timeout(Double(patience))
        configuration.prepareDatabase { db in
            if isExclusive { try db.execute(sql: "PRAGMA locking_mode = EXCLUSIVE") }
            // A large transaction leaves a large log behind: cut it back at the next checkpoint.
            try db.execute(sql: "PRAGMA journal_size_limit = 16777216")
            // Up to 16 MiB of pages: with the default 2 MiB a large commit writes the same index pages many times.
            try db.execute(sql: "PRAGMA cache_size = -16384")
            // A container's file system may be read-only but for the storage folder.
            try db.execute(sql: "PRAGMA temp_store = MEMORY")
        }
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        // GRDB sets NORMAL with WAL, which may lose the last commits in a power cut: a counter once scraped would fall.
        try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        return queue
    }

    /// Makes the database under another name and renames it, so that a crash leaves none or a whole one.
    private func create() throws {
        let draft = try emptyDraft()
        let queue = try Self.connect(draft.path)
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA application_id = \(LedgerSchema.applicationID)")
        }
        try LedgerSchema.migrator.migrate(queue)
        try queue.close()
        try draft.rename(to: path)
    }

    /// Writes all that a connection sees to a file beside this one's place, for `finishCopy`: also where the files that
    /// the connection has open were deleted.
    func copy(from db: Database) throws {
        try db.execute(sql: "VACUUM INTO ?", arguments: [try emptyDraft().path])
    }

    /// Puts what `copy` wrote into this file's place and opens it. No other connection may be open any more: closing one
    /// deletes the log by its name, whosever it is.
    func finishCopy() throws -> DatabaseQueue {
        try draft.rename(to: path)
        return try connect()
    }

    private var draft: LedgerFile { LedgerFile(path: path + ".new") }

    private func emptyDraft() throws -> LedgerFile {
        for part in draft.parts where FileManager.default.fileExists(atPath: part) {
            try FileManager.default.removeItem(atPath: part)
        }
        return draft
    }

    private func rename(to target: String) throws {
        // It holds names of accounts and keys; SQLite gives the files beside it the same mode.
        chmod(path, 0o600)
        guard Foundation.rename(path, target) == 0 else {
            throw LedgerError.notWritable(path: target, reason: String(cString: strerror(errno)))
        }
    }

    /// Renames the damaged database and its log; nothing is deleted, so that it can still be looked into.
    private func putAside(now: Timestamp) throws -> String {
        let stamp = now.description.filter { $0 != "-" && $0 != ":" }
        var target = LedgerFile(path: "\(path).corrupt-\(stamp)")
        var attempt = 1
        while target.parts.contains(where: { FileManager.default.fileExists(atPath: $0) }) {
            attempt += 1
            target = LedgerFile(path: "\(path).corrupt-\(stamp)-\(attempt)")
        }
        for (part, destination) in zip(parts, target.parts) where FileManager.default.fileExists(atPath: part) {
            try FileManager.default.moveItem(atPath: part, toPath: destination)
        }
        return target.path
    }

    /// The damaged databases that were put aside in this folder and are still there, by name, and when that was.
    var putAside: [String: Timestamp] {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let marker = URL(fileURLWithPath: path).lastPathComponent + ".corrupt-"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        var found: [String: Timestamp] = [:]
        for name in names where name.hasPrefix(marker) && !name.hasSuffix("-wal") && !name.hasSuffix("-shm") {
            var status = stat()
            // Renaming sets the time of the last change of a file's own record (stat(2)).
            guard stat("\(folder)/\(name)", &status) == 0 else { continue }
            found[name] = Timestamp(milliseconds: Int64(status.st_ctim.tv_sec) * 1000)
        }
        return found
    }

    /// Bytes of the database and its log.
    var bytes: Int64 { parts.reduce(0) { $0 + fileSize($1) } }

    private func fileSize(_ path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }
}

/// The ledger's files as they were last seen.
///
/// SQLite goes on writing to a file that was deleted or exchanged under it, and nobody would find what it wrote: so this
/// looks before every commit. It looks at names and sizes alone, which costs three system calls.
struct LedgerFileIdentity {
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
    mutating func check() -> Finding {
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
