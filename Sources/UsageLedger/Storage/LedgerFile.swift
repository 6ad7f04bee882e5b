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
    func open(now: Timestamp) throws -> (queue: DatabaseQueue, setAside: String?) {
        var setAside: String?
        if parts.contains(where: { FileManager.default.fileExists(atPath: $0) }) {
            if let queue = try openSound() { return (queue, nil) }
            setAside = try putAside(now: now)
        }
        try create()
        return (try connect(), setAside)
    }

    /// The existing database, brought to our schema; nil where it is damaged.
    private func openSound() throws -> DatabaseQueue? {
        // A new database is renamed into place when it is whole, so an empty file was cut short. SQLite would take it
        // for a new database and delete the log beside it.
        guard fileSize(path) > 0 else { return nil }
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

    private static let damage: [ResultCode] = [.SQLITE_CORRUPT, .SQLITE_NOTADB]

    private func isSound(_ queue: DatabaseQueue) throws -> Bool {
        try queue.read { db in
            try LedgerSchema.check(db, path: path)
            return try String.fetchOne(db, sql: "PRAGMA quick_check(1)") == "ok"
        }
    }

    private func connect() throws -> DatabaseQueue { try Self.connect(path) }

    private static func connect(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "UsageLedger"
        configuration.journalMode = .wal
        // Someone may look into the file with another tool; a commit waits for that rather than fail.
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { db in
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
        let draft = LedgerFile(path: path + ".new")
        for part in draft.parts where FileManager.default.fileExists(atPath: part) {
            try FileManager.default.removeItem(atPath: part)
        }
        let queue = try Self.connect(draft.path)
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA application_id = \(LedgerSchema.applicationID)")
        }
        try LedgerSchema.migrator.migrate(queue)
        try queue.close()
        // It holds names of accounts and keys; SQLite gives the files beside it the same mode.
        chmod(draft.path, 0o600)
        try FileManager.default.moveItem(atPath: draft.path, toPath: path)
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

    /// Bytes of the database and its log.
    var bytes: Int64 { parts.reduce(0) { $0 + fileSize($1) } }

    private func fileSize(_ path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }
}
