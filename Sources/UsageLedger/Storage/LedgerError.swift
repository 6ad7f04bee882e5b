import UsageModel

/// Why the ledger could not be opened, read or written.
package enum LedgerError: ReasonedFailure, Equatable, CustomStringConvertible {
    /// Another process holds the folder; nil where the lock file does not say which one.
    case locked(by: LockHolder?)
    /// The folder or a file in it cannot be written.
    case notWritable(path: String, reason: String)
    /// The file system cannot do what SQLite or the folder's lock needs, as network file systems often cannot.
    case networkStorage(path: String, obstacle: String)
    /// There is no ledger to read.
    case missing(path: String)
    /// The ledger is there, and this user cannot read it.
    case notReadable(path: String)
    /// The file was written by a version of the exporter with an older schema, and is only to be read.
    case olderSchema(path: String)
    /// The file was written by a version of the exporter with a newer schema.
    case newerSchema(path: String)
    /// The file is a sound SQLite database, but not a ledger.
    case foreignDatabase(path: String)
    /// A slice holds cells of a family that only the ledger itself keeps.
    case reservedFamily(LedgerFamily)
    /// The disk, or this user's share of it, is full.
    case full(path: String)
    /// The ledger's files were deleted while they were in use; they are written anew from what is still open.
    case vanished(path: String)
    /// The file is no sound database any more, or not the one that was opened.
    case damaged(path: String)
    /// A value in the file is not what it must be: the file is damaged in a way that SQLite does not see.
    case unreadable(String)
    /// SQLite refused: the disk does not read or write, the ledger is closed.
    case storage(String)

    /// Always `storage`: a sync that could not commit failed for that reason.
    package var reason: FailureReason { .storage }

    /// What was wrong and what would be right.
    package var message: String {
        switch self {
        case .locked(let holder):
            let who = holder.map { "process \($0.processID) (since \($0.since))" } ?? "another process"
            return "the storage folder is in use by \(who); stop it, or give this one its own --storage.path"
        case .notWritable(let path, let reason):
            return "cannot write \(path): \(reason); --storage.path must be a folder this user can write"
        case .networkStorage(let path, let obstacle):
            return
                "the file system of \(path) does not support \(obstacle), as network storage (NFS, SMB, Azure Files) often "
                + "does not: put --storage.path on a local disk or block volume; or mount it so that this machine locks by "
                + "itself (NFS: local_lock=all; SMB: nobrl) and run one exporter on it"
        case .missing(let path):
            return "there is no ledger at \(path): --storage.path must be the folder of an exporter that has run"
        case .notReadable(let path):
            return "cannot read \(path): run this as the exporter's user, who may write the folder as well"
        case .olderSchema(let path):
            return "\(path) was written by an older version of this exporter; start this one on it once"
        case .newerSchema(let path):
            return "\(path) was written by a newer version of this exporter; run that version, or use another folder"
        case .foreignDatabase(let path):
            return "\(path) is a database of another program; use another folder"
        case .reservedFamily(let family):
            return "a slice holds cells of \(family.rawValue), which only the ledger itself keeps; leave them out"
        case .full(let path):
            return
                "the disk is full, or this user's share of it: \(path) cannot be written; free some space, then it goes on by itself"
        case .vanished(let path):
            return "\(path) was deleted while in use: it is being written anew from the open copy, nothing is lost"
        case .damaged(let path):
            return "\(path) is damaged or was exchanged while in use: it is being opened anew"
        case .unreadable(let what):
            return "\(what): the ledger file is damaged, and is being put aside"
        case .storage(let message):
            return "storage: \(message)"
        }
    }

    /// The message.
    package var description: String { message }
}

/// The process that holds a ledger's folder.
package struct LockHolder: Sendable, Equatable {
    /// Its process id.
    package let processID: Int32
    /// When it opened the ledger.
    package let since: Timestamp
}
