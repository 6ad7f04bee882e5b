import Logging
import UsageLedger
import UsageModel

/// Opens the ledger anew where its file was damaged or exchanged, and says so.
struct StorageRecovery: Sendable {
    let ledger: UsageLedger
    let errors: StorageErrors
    let clock: any WallClock
    let logger: Logger

    /// The storage's own salt for hashed labels: made the first time, or `known`, so that no label changes with the file.
    func salt(known: String? = nil) async throws -> String {
        try await ledger.setting(LabelView.saltSetting) {
            known ?? (0..<4).map { _ in String(UInt64.random(in: .min ... .max), radix: 16) }.joined()
        }
    }

    /// Opens what is at the ledger's place now, if it has to be: no source may be at work.
    ///
    /// - Parameter salt: of the ledger that was open.
    /// - Throws: `LedgerError`; nothing is stored then until this succeeds.
    func reopenIfNeeded(keeping salt: String) async throws {
        guard ledger.needsReopening else { return }
        if let setAside = try await ledger.reopen(now: clock.now) {
            tell(setAside: setAside)
        } else {
            logger.warning("the ledger's file was exchanged: the accounts go on from what is in it now")
        }
        _ = try await self.salt(known: salt)
    }

    /// Logs what the storage's file system cannot do.
    func noteFileSystem() {
        guard ledger.isExclusive else { return }
        logger.warning(
            "the storage folder has no shared memory, like network storage: no other process can read the ledger",
            metadata: ["backfill": "copy the stopped exporter's folder to a local disk first"])
    }

    /// Says that a damaged ledger was put aside.
    func tell(setAside path: String) {
        errors.add()
        logger.error(
            "the ledger was damaged: it was set aside, and is rebuilt from the providers", metadata: ["file": "\(path)"]
        )
    }
}
