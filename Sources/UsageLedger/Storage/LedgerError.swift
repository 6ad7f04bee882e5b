import UsageModel

/// An error in opening, reading or writing the ledger.
package enum LedgerError: ReasonedFailure, Equatable, CustomStringConvertible {
    /// Another process holds the lock; nil if the lock file does not name it.
    case locked(by: LockHolder?)
    /// The folder or a file in it cannot be written.
    case notWritable(path: String, reason: String)
    /// The file system lacks a feature that SQLite or the folder's lock requires, as network file systems often do.
    case networkStorage(path: String, obstacle: String)
    /// The file of a copy cannot be written.
    case copyNotWritable(path: String, reason: String)
    /// The file of a copy is one of an exporter's storage.
    case outputInUse(path: String)
    /// A copy is not intact, although it was written completely: the ledger itself is damaged.
    case copyNotIntact(path: String, finding: String)
    /// A file to verify or import is damaged.
    case damagedFile(path: String, finding: String)
    /// No account of the ledger has this name.
    case unknownAccount(name: String, known: [String])
    /// The ledger has an account of this name and provider already.
    case accountExists(name: String, provider: String)
    /// There is no ledger to read.
    case missing(path: String)
    /// A folder, a device or a pipe is at the path of a file.
    case notFile(path: String, isFolder: Bool)
    /// A file is at the path of the storage folder.
    case notFolder(path: String)
    /// The ledger exists, but this user cannot read it.
    case notReadable(path: String)
    /// The schema is older than this version's, and the ledger was opened read-only.
    case olderSchema(path: String)
    /// The schema is newer than this version's.
    case newerSchema(path: String)
    /// The file is an intact SQLite database, but not a ledger.
    case foreignDatabase(path: String)
    /// The money of the ledger, or of a file to import, has the other origin.
    case otherOrigin(path: String, isSimulated: Bool)
    /// The ledger that a demo opens is damaged.
    case damagedDemo(path: String)
    /// A slice contains cells of a family that only the ledger itself maintains.
    case reservedFamily(LedgerFamily)
    /// A reading contains a metric family that its provider does not declare.
    case undeclaredFamily(String)
    /// The disk or the user's disk quota is full.
    case full(path: String)
    /// The ledger's files were deleted while in use; they are recreated from the open files.
    case vanished(path: String)
    /// The file is corrupt, or is not the one that was opened.
    case damaged(path: String)
    /// A value in the file is invalid: the file is damaged in a way that SQLite does not detect.
    case unreadable(String)
    /// Another SQLite or I/O error, or the ledger is closed.
    case storage(String)

    /// Always `storage`.
    package var reason: FailureReason { .storage }

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
        case .copyNotWritable(let path, let reason):
            return "cannot write \(path): \(reason); its folder must exist, and this user must be able to write it"
        case .outputInUse(let path):
            return "\(path) belongs to an exporter's storage, and would be replaced while in use: choose another file"
        case .copyNotIntact(let path, let finding):
            return "\(path) was not kept, because the copied ledger is not intact: \(finding)"
        case .damagedFile(let path, let finding):
            return "\(path) is damaged: \(finding); use another copy"
        case .unknownAccount(let name, let known):
            return "the ledger has no account \(name); it has \(known.isEmpty ? "none" : known.joined(separator: ", "))"
        case .accountExists(let name, let provider):
            return
                "the ledger has the account \(name) of \(provider) already, and nothing was imported; import it into a "
                + "ledger that has not read this account"
        case .missing(let path):
            return "there is no ledger at \(path): give the file, or the --storage.path, of an exporter that has run"
        case .notFile(let path, let isFolder):
            return "\(path) is \(isFolder ? "a folder: give a file in it" : "a device or a pipe: give a regular file")"
        case .notFolder(let path):
            return "\(path) is a file: --storage.path is the folder that holds ledger.sqlite"
        case .notReadable(let path):
            return "cannot read \(path): run this as the exporter's user, who may write the folder as well"
        case .olderSchema(let path):
            return "\(path) was written by an older version of this exporter; start this one on it once"
        case .newerSchema(let path):
            return "\(path) was written by a newer version of this exporter; run that version, or use another folder"
        case .foreignDatabase(let path):
            return
                "\(path) is not a ledger: it is empty, belongs to another program, or its first page is damaged; use another "
                + "file or folder"
        case .otherOrigin(let path, let isSimulated):
            return isSimulated
                ? "\(path) holds simulated money of `demo`, which must not be counted as charged: use another folder or file"
                : "\(path) holds what real accounts were charged, or a demo before version 0.2 wrote it: give `demo` a "
                    + "folder of its own, or no --storage.path"
        case .damagedDemo(let path):
            return
                "\(path) is damaged, and `demo` does not replace it, because it may hold what real accounts were charged: "
                + "give `demo` a folder of its own, or no --storage.path"
        case .reservedFamily(let family):
            return "a slice contains cells of \(family.name), which only the ledger itself maintains; omit them"
        case .undeclaredFamily(let name):
            return "a reading contains \(name), which its provider does not declare; add it to the provider's families"
        case .full(let path):
            return "the disk is full, or this user's disk quota: cannot write \(path); writes resume once space is free"
        case .vanished(let path):
            return "\(path) was deleted while in use: it is being recreated from the open files, no data is lost"
        case .damaged(let path):
            return "\(path) is damaged or was replaced while in use: it is being reopened"
        case .unreadable(let what):
            return "\(what): the ledger file is damaged and is being quarantined"
        case .storage(let message):
            return "storage: \(message)"
        }
    }

    package var description: String { message }
}

/// The process that holds a ledger's folder.
package struct LockHolder: Sendable, Equatable {
    package let processID: Int32
    /// When it opened the ledger.
    package let since: Timestamp
}
