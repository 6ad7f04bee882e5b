import Logging
import UsageLedger
import UsageModel

/// Keeps the accounts on an intact ledger: when its file is damaged or replaced, it stops every source, reopens the ledger
/// and builds the accounts again from it.
struct StorageSupervisor: Sendable {
    let ledger: UsageLedger
    let errors: StorageErrors
    private let accounts: AccountSupervisor
    private let builder: @Sendable (ExporterConfiguration) -> AccountBuilder
    /// The storage's salt for hashed labels.
    private let salt: String
    private let clock: any WallClock
    private let logger: Logger

    /// - Parameter builder: returns the builder for the accounts of a config.
    init(
        ledger: UsageLedger, errors: StorageErrors, salt: String, accounts: AccountSupervisor,
        builder: @escaping @Sendable (ExporterConfiguration) -> AccountBuilder, clock: any WallClock, logger: Logger
    ) {
        self.ledger = ledger
        self.errors = errors
        self.salt = salt
        self.accounts = accounts
        self.builder = builder
        self.clock = clock
        self.logger = logger
    }

    /// The ledger's salt for hashed labels.
    ///
    /// - Parameter known: the salt of a ledger that has none yet, so that labels do not change with the file; a random
    ///   one if nil.
    static func salt(of ledger: UsageLedger, known: String? = nil) async throws -> String {
        try await ledger.labelSalt {
            known ?? (0..<4).map { _ in String(UInt64.random(in: .min ... .max), radix: 16) }.joined()
        }
    }

    /// Builds the accounts of a config at the start.
    ///
    /// - Throws: `LedgerError`, and errors of building an account.
    func begin(_ configuration: ExporterConfiguration) async throws {
        if let file = ledger.setAside { report(quarantined: file) }
        if ledger.isExclusive {
            logger.warning(
                "the storage folder has no shared memory, like network storage: no other process can read the ledger",
                metadata: ["backfill": "copy the stopped exporter's folder to a local disk first"])
        }
        do {
            try await accounts.begin(with: builder(configuration))
        } catch  where ledger.needsReopening {
            // Reading the accounts can reveal damage that SQLite does not detect.
            try await reopenIfNeeded()
            try await accounts.begin(with: builder(configuration))
        }
    }

    /// Recovers the ledger if necessary; nothing is stored until that succeeds.
    ///
    /// - Returns: the accounts that were built again; nil if nothing was wrong.
    /// - Throws: `LedgerError`, and errors of building an account: call it again later.
    func recover() async throws -> [ExporterAccount]? {
        let isHalted = await accounts.isHalted
        guard isHalted || ledger.needsReopening else { return nil }
        try await accounts.rebuild(with: builder(accounts.configuration), reopen: reopenIfNeeded)
        return await accounts.accounts
    }

    /// Reopens the ledger at its path if necessary. No source may run.
    private func reopenIfNeeded() async throws {
        guard ledger.needsReopening else { return }
        if let file = try await ledger.reopen(now: clock.now) {
            report(quarantined: file)
        } else {
            logger.warning("the ledger's file was replaced: the accounts continue from the new file")
        }
        _ = try await Self.salt(of: ledger, known: salt)
    }

    private func report(quarantined file: String) {
        errors.add()
        logger.error(
            "the damaged ledger was quarantined, and is rebuilt from the providers", metadata: ["file": "\(file)"])
    }
}
