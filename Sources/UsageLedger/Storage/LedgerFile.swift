import Foundation
import GRDB
import UsageModel

/// The database file: opens and checks it, quarantines a damaged one, creates a missing one.
package struct LedgerFile {
    /// Its path; SQLite keeps `-wal` and `-shm` files next to it.
    let path: String

    /// Creates the reference to the ledger's file in a folder.
    init(in folder: String) {
        self.init(path: folder + "/ledger.sqlite")
    }

    /// Creates the reference to a ledger file at any path.
    init(at path: String) {
        self.init(path: path)
    }

    /// Creates the reference to the draft of a copy that will be renamed to a path.
    init(draftOf path: String) {
        self.init(path: path + LedgerCopy.draftSuffix)
    }

    private init(path: String) {
        self.path = path
    }

    /// Returns whether a path is that of a database, or of a file next to it, in a folder that an exporter uses as storage:
    /// an output must not replace it.
    package static func isInUse(_ path: String) -> Bool {
        let resolved = URL(filePath: path).resolvingSymlinksInPath()
        let folder = resolved.deletingLastPathComponent().path
        let names = LedgerFile(in: folder).parts + [folder + "/lock"]
        return names.contains(resolved.path) && FileManager.default.fileExists(atPath: folder + "/lock")
    }

    /// Throws if a path exists and is not a folder, as a storage folder must be.
    static func requireFolder(_ path: String) throws {
        guard let kind = kind(path), kind != S_IFDIR else { return }
        throw LedgerError.notFolder(path: path)
    }

    /// Throws if a path exists and is not a regular file: another kind would be replaced, or block a reader.
    static func requireFile(_ path: String) throws {
        guard let kind = kind(path), kind != S_IFREG else { return }
        throw LedgerError.notFile(path: path, isFolder: kind == S_IFDIR)
    }

    /// Returns the type of a file, or of the target of a link; nil if there is none.
    private static func kind(_ path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }

    /// Returns the path of a file without symbolic links; nil if there is none.
    package static func target(of path: String) -> String? {
        realpath(path, nil).map { resolved in
            defer { free(resolved) }
            return String(cString: resolved)
        }
    }

    /// The paths of the database, its WAL and its shared-memory file.
    var parts: [String] { ["", "-wal", "-shm"].map { path + $0 } }

    /// Opens or creates the database.
    ///
    /// - Parameters:
    ///   - origin: the origin of its money.
    ///   - isKnownDamaged: whether it is damaged even if SQLite's check passes.
    /// - Returns: the database, and the path to which a damaged one was moved.
    func open(
        for origin: LedgerOrigin, now: Timestamp, isKnownDamaged: Bool = false
    ) throws -> (queue: DatabaseQueue, setAside: String?) {
        var setAside: String?
        if parts.contains(where: { FileManager.default.fileExists(atPath: $0) }) {
            if !isKnownDamaged, let queue = try openSound(for: origin) { return (queue, nil) }
            guard origin.mayQuarantine else { throw LedgerError.damagedDemo(path: path) }
            setAside = try putAside(now: now)
        }
        try create(for: origin)
        return (try connect(), setAside)
    }

    /// Opens the existing database and migrates it; nil if it is damaged. One of the other origin stays unchanged.
    private func openSound(for origin: LedgerOrigin) throws -> DatabaseQueue? {
        // A new database is renamed when it is complete, so a file without a page (at least 512 bytes) was truncated. SQLite
        // would treat it as a new database and delete its WAL.
        guard fileSize(path) >= 512 else { return nil }
        guard access(path, W_OK) == 0 else {
            throw LedgerError.notWritable(path: path, reason: String(cString: strerror(errno)))
        }
        do {
            let queue = try connect()
            do {
                guard try isSound(queue, for: origin) else {
                    try queue.close()
                    return nil
                }
                try LedgerSchema.migrator.migrate(queue)
                try origin.mark(queue)
                return queue
            } catch {
                try? queue.close()
                throw error
            }
        } catch let error as DatabaseError where Self.damage.contains(error.resultCode) {
            return nil
        }
    }

    /// SQLite's result codes for a corrupt file.
    static let damage: [ResultCode] = [.SQLITE_CORRUPT, .SQLITE_NOTADB]

    private func isSound(_ queue: DatabaseQueue, for origin: LedgerOrigin) throws -> Bool {
        try queue.read { db in
            try LedgerSchema.checkOwner(db, path: path)
            // Before anything else is read: truncated pages read as zeros.
            guard try String.fetchOne(db, sql: "PRAGMA quick_check(1)") == "ok" else { return false }
            try LedgerSchema.checkVersion(db, path: path)
            try origin.check(db, path: path)
            return true
        }
    }

    private func connect() throws -> DatabaseQueue { try Self.connect(path) }

    /// SQLite's codes for a file system without shared memory for the WAL index. A full disk has another code.
    static let noSharedMemory: [ResultCode] = [
        .SQLITE_IOERR_SHMMAP, .SQLITE_IOERR_SHMOPEN, .SQLITE_IOERR_SHMLOCK,
    ]
    /// The busy timeout in seconds.
    static let patience = 5

    /// Opens the database. Falls back to exclusive locking mode, with the WAL index in heap memory, on file systems without
    /// shared memory, as network file systems often are.
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
        // A commit waits for other programs that read the file.
        configuration.busyMode = .timeout(Double(patience))
        configuration.prepareDatabase { db in
            if isExclusive { try db.execute(sql: "PRAGMA locking_mode = EXCLUSIVE") }
            // Truncate the WAL of a large transaction at the next checkpoint.
            try db.execute(sql: "PRAGMA journal_size_limit = 16777216")
            // 16 MiB: with the default of 2 MiB, a large commit writes the same index pages many times.
            try db.execute(sql: "PRAGMA cache_size = -16384")
            // A container's file system may be read-only except for the storage folder.
            try db.execute(sql: "PRAGMA temp_store = MEMORY")
        }
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        // GRDB sets NORMAL with WAL, which may lose the last commits in a power failure: a scraped counter would decrease.
        try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        return queue
    }

    /// Creates the database under another name and renames it, so that a crash leaves no partial one.
    private func create(for origin: LedgerOrigin) throws {
        let draft = try emptyDraft()
        let queue = try Self.connect(draft.path)
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA application_id = \(LedgerSchema.applicationID)")
        }
        try LedgerSchema.migrator.migrate(queue)
        try origin.mark(queue)
        try queue.close()
        try draft.rename(to: path)
    }

    /// Copies the database of a connection to a temporary file for `finishCopy`, even if the connection's files were
    /// deleted.
    func copy(from db: Database) throws {
        try db.execute(sql: "VACUUM INTO ?", arguments: [try emptyDraft().path])
    }

    /// Renames the file of `copy` to this path and opens it. No other connection may be open, because closing one deletes
    /// the WAL by its name, even if it belongs to another database.
    func finishCopy() throws -> DatabaseQueue {
        try draft.rename(to: path)
        return try connect()
    }

    private var draft: LedgerFile { LedgerFile(draftOf: path) }

    private func emptyDraft() throws -> LedgerFile {
        try draft.remove()
        return draft
    }

    /// The error codes of a failed write.
    private static let failedWrites: [ResultCode] = [
        .SQLITE_IOERR_WRITE, .SQLITE_IOERR_TRUNCATE, .SQLITE_IOERR_FSYNC, .SQLITE_IOERR_DIR_FSYNC, .SQLITE_IOERR_CLOSE,
    ]

    /// Copies the database of a connection to this file, which `prepare` made, consistent as of one commit.
    func fill(from db: Database) throws {
        do {
            try db.execute(sql: "VACUUM INTO ?", arguments: [path])
        } catch let error as DatabaseError
            where error.resultCode == .SQLITE_FULL || Self.failedWrites.contains(error.extendedResultCode)
        {
            // The copied database is only read: what could not be written is this file.
            throw LedgerError(error, path: path)
        }
    }

    /// Replaces the draft of a copy, which a killed process may have left, by an empty file that only this user can read.
    func prepare() throws {
        for part in parts + [path + "-journal"] where unlink(part) != 0 && errno != ENOENT {
            throw LedgerError.copyNotWritable(path: path, reason: String(cString: strerror(errno)))
        }
        let descriptor = Foundation.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw LedgerError.copyNotWritable(path: path, reason: String(cString: strerror(errno)))
        }
        close(descriptor)
    }

    /// Opens a copy for changes, in rollback mode, so that it stays one file.
    func connectForCopy() throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "LedgerCopy"
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA temp_store = MEMORY")
            try db.execute(sql: "PRAGMA secure_delete = ON")
        }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Opens a file without changing it.
    func connectForReading() throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "LedgerReading"
        configuration.readonly = true
        configuration.busyMode = .timeout(Double(Self.patience))
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA temp_store = MEMORY") }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Renames a copy. It is durable under its name when this returns, so that older copies may be deleted.
    func finish(as target: String) throws {
        do {
            try Self.makeDurable(path)
            try rename(to: target)
            try Self.makeDurable(URL(fileURLWithPath: target).deletingLastPathComponent().path)
        } catch LedgerError.notWritable(_, let reason) {
            throw LedgerError.copyNotWritable(path: target, reason: reason)
        }
    }

    /// Waits until a file or a folder's names are on the disk.
    private static func makeDurable(_ path: String) throws {
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw LedgerError.notWritable(path: path, reason: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        // EINVAL: the file system cannot do this for a folder.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw LedgerError.notWritable(path: path, reason: String(cString: strerror(errno)))
        }
    }

    /// Deletes the database, its WAL and its shared-memory file.
    func remove() throws {
        for part in parts where FileManager.default.fileExists(atPath: part) {
            try FileManager.default.removeItem(atPath: part)
        }
    }

    private func rename(to target: String) throws {
        // It contains names of accounts and keys; SQLite gives the WAL and shared-memory files the same mode.
        chmod(path, 0o600)
        guard Foundation.rename(path, target) == 0 else {
            throw LedgerError.notWritable(path: target, reason: String(cString: strerror(errno)))
        }
    }

    /// Renames the damaged database and its WAL, and keeps them for inspection.
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

    /// The quarantined databases in this folder, by name, with the time of their quarantine.
    var putAside: [String: Timestamp] {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let marker = URL(fileURLWithPath: path).lastPathComponent + ".corrupt-"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        var found: [String: Timestamp] = [:]
        for name in names where name.hasPrefix(marker) && !name.hasSuffix("-wal") && !name.hasSuffix("-shm") {
            var status = stat()
            // Renaming sets ctime.
            guard stat("\(folder)/\(name)", &status) == 0 else { continue }
            found[name] = Timestamp(milliseconds: Int64(status.st_ctim.tv_sec) * 1000)
        }
        return found
    }

    /// The size of the database, its WAL and its shared-memory file in bytes.
    var bytes: Int64 { parts.reduce(0) { $0 + fileSize($1) } }

    private func fileSize(_ path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }
}

/// The identity of the ledger's files, to detect their deletion or replacement.
///
/// SQLite continues to write to a file that was deleted or replaced, and the data would be lost. The ledger therefore
/// checks inodes and sizes before every commit, which costs three system calls.
struct LedgerFileIdentity {
    /// The change of the files since the last check.
    enum Finding: Equatable {
        /// Unchanged, or larger.
        case intact
        /// A file or its folder was deleted.
        case missing
        /// A file was replaced, or the database is shorter.
        case altered
    }

    private struct Part {
        var device: UInt64
        var inode: UInt64
        var size: Int64
    }

    private let paths: [String]
    /// Nil for a file that does not exist yet: SQLite creates the WAL at the first commit.
    private var parts: [Part?]

    init(of file: LedgerFile) {
        paths = file.parts
        parts = paths.map(Self.part)
    }

    /// Compares the files with the last check, and stores the state of intact ones.
    mutating func check() -> Finding {
        for (index, path) in paths.enumerated() {
            guard let known = parts[index] else {
                parts[index] = Self.part(path)
                continue
            }
            guard let found = Self.part(path) else { return .missing }
            guard found.device == known.device, found.inode == known.inode else { return .altered }
            // SQLite truncates the WAL and its index, but never the database.
            if index == 0, found.size < known.size { return .altered }
            parts[index] = found
        }
        return .intact
    }

    /// Removes the WAL of a database that is no longer at its path: SQLite keeps it, and would apply it to the next file of
    /// that name. No connection may have the files open.
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
