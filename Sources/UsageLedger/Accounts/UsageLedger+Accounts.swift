import GRDB
import UsageModel

extension UsageLedger {
    /// The account's ledger: made now, or the one that it had. An account that is not registered keeps its ledger.
    ///
    /// The same name with another provider is another account: the two never share series.
    ///
    /// - Parameters:
    ///   - proposedStart: where its counters shall begin; of effect until one of its sources has completed its history.
    ///   - tolerance: a start that is no further than this from the proposed one is kept.
    /// - Throws: `LedgerError.storage`.
    package func registerAccount(
        _ name: String, provider: String, proposedStart: Timestamp, tolerance: Duration = .zero, now: Timestamp
    ) async throws -> LedgerAccount {
        try await write { db in
            try db.execute(
                sql: """
                    INSERT INTO account (name, provider, ledger_start, created_at) VALUES (?, ?, ?, ?)
                    ON CONFLICT DO NOTHING
                    """,
                arguments: [name, provider, proposedStart.milliseconds, now.milliseconds])
            let row = try Row.fetchOne(
                db, sql: "SELECT id FROM account WHERE name = ? AND provider = ?", arguments: [name, provider])
            guard let row else { throw LedgerError.storage("account \(name) could not be registered") }
            return try accountWithStart(AccountID(row: row[0]), proposedStart, tolerance, db)
        }
    }

    /// Moves where an account's counters begin, as long as nothing of it was served; else changes nothing.
    ///
    /// What is staged of the time before the new start is dropped.
    ///
    /// - Parameter tolerance: a start that is no further than this from the new one is kept.
    /// - Returns: the account as it is then.
    /// - Throws: `LedgerError.storage`.
    package func moveStart(
        of account: AccountID, to start: Timestamp, tolerance: Duration
    ) async throws -> LedgerAccount {
        try await write { try accountWithStart(account, start, tolerance, $0) }
    }

    /// An account's sums of days are whole only from this day on; nil where retention has deleted none.
    ///
    /// - Throws: `LedgerError.storage`.
    package func prunedBefore(_ account: AccountID) async throws -> UTCDay? {
        try await read { try LedgerAccount.fetch(account, $0).prunedBefore }
    }

    /// The source's ledger: made now, or the one that it had.
    ///
    /// Its counters begin where its account's do.
    ///
    /// - Throws: `LedgerError.storage`.
    package func registerSource(_ name: String, of account: AccountID) async throws -> LedgerSource {
        try await write { db in
            try db.execute(
                sql: """
                    INSERT INTO source (account, name, ledger_start) SELECT id, ?, ledger_start FROM account WHERE id = ?
                    ON CONFLICT DO NOTHING
                    """,
                arguments: [name, account.row])
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT id, ledger_start, is_history_complete, status FROM source WHERE account = ? AND name = ?
                    """,
                arguments: [account.row, name])
            guard let row else { throw LedgerError.storage("account \(account.row) is not in this ledger") }
            return LedgerSource(
                id: SourceID(row: row[0]), account: account, name: name, ledgerStart: row.timestamp(1),
                isHistoryComplete: row[2], status: row[3])
        }
    }

    /// Stores what is known of the source's syncs, in place of what was stored before; JSON of the caller's own.
    ///
    /// - Throws: `LedgerError.storage`.
    package func saveStatus(_ json: String, of source: SourceID) async throws {
        try await write { db in
            try db.cachedStatement(sql: "UPDATE source SET status = ? WHERE id = ?")
                .execute(arguments: [json, source.row])
        }
    }

    /// The counters of the exporter itself that were saved, by name.
    ///
    /// - Throws: `LedgerError.storage`.
    package func exporterCounters() async throws -> [String: Int64] {
        try await read { db in
            let rows = try Row.fetchAll(db, sql: "SELECT name, value FROM exporter_counter")
            return Dictionary(rows.map { ($0[0], $0[1]) }) { _, last in last }
        }
    }

    /// Saves counters of the exporter itself, each in place of its earlier value; others stay.
    ///
    /// - Throws: `LedgerError.storage`.
    package func saveExporterCounters(_ counters: [String: Int64]) async throws {
        try await write { db in
            let save = try db.cachedStatement(
                sql: """
                    INSERT INTO exporter_counter (name, value) VALUES (?, ?)
                    ON CONFLICT (name) DO UPDATE SET value = excluded.value
                    """)
            for (name, value) in counters { try save.execute(arguments: [name, value]) }
        }
    }
}

extension UsageLedger {
    /// A value that belongs to the storage, made the first time that it is asked for.
    ///
    /// - Throws: `LedgerError.storage`.
    package func setting(_ name: String, orElse make: @escaping @Sendable () -> String) async throws -> String {
        try await write { db in
            if let stored = try String.fetchOne(db, sql: "SELECT value FROM setting WHERE name = ?", arguments: [name])
            {
                return stored
            }
            let value = make()
            try db.execute(sql: "INSERT INTO setting (name, value) VALUES (?, ?)", arguments: [name, value])
            return value
        }
    }
}

extension LedgerAccount {
    fileprivate static func fetch(_ id: AccountID, _ db: Database) throws -> LedgerAccount {
        let statement = try db.cachedStatement(
            sql: "SELECT ledger_start, is_start_fixed, pruned_before FROM account WHERE id = ?")
        guard let row = try Row.fetchOne(statement, arguments: [id.row]) else {
            throw LedgerError.storage("account \(id.row) is not in this ledger")
        }
        let pruned: Int? = row[2]
        return LedgerAccount(
            id: id, ledgerStart: row.timestamp(0), isStartFixed: row[1],
            prunedBefore: pruned.map(UTCDay.init(daysSinceEpoch:)))
    }
}

private func accountWithStart(
    _ id: AccountID, _ start: Timestamp, _ tolerance: Duration, _ db: Database
) throws -> LedgerAccount {
    let account = try LedgerAccount.fetch(id, db)
    let distance = start > account.ledgerStart ? start - account.ledgerStart : account.ledgerStart - start
    guard !account.isStartFixed, distance > tolerance else { return account }
    let arguments: StatementArguments = ["start": start.milliseconds, "account": id.row]
    let staged = """
        SELECT slice.id FROM slice JOIN source ON source.id = slice.source
        WHERE source.account = :account AND slice.period_start < :start
        """
    try db.execute(sql: "DELETE FROM cell WHERE slice IN (\(staged))", arguments: arguments)
    try db.execute(sql: "DELETE FROM slice WHERE id IN (\(staged))", arguments: arguments)
    try db.execute(sql: "UPDATE account SET ledger_start = :start WHERE id = :account", arguments: arguments)
    try db.execute(sql: "UPDATE source SET ledger_start = :start WHERE account = :account", arguments: arguments)
    return try LedgerAccount.fetch(id, db)
}

extension UsageLedger {
    /// Stores a value that belongs to the storage, and returns the one before; nil where there was none.
    ///
    /// - Throws: `LedgerError.storage`.
    package func exchangeSetting(_ name: String, with value: String) async throws -> String? {
        try await write { db in
            let before = try String.fetchOne(db, sql: "SELECT value FROM setting WHERE name = ?", arguments: [name])
            guard before != value else { return before }
            try db.execute(
                sql: """
                    INSERT INTO setting (name, value) VALUES (?, ?)
                    ON CONFLICT (name) DO UPDATE SET value = excluded.value
                    """,
                arguments: [name, value])
            return before
        }
    }
}

/// What a commit needs to know of its source.
struct SourceRow {
    let id: SourceID
    let account: AccountID
    let ledgerStart: Timestamp
    let isHistoryComplete: Bool
    /// Slices that end up to here are folded: their cells and states were deleted.
    let forgottenBefore: Timestamp?

    static func fetch(_ id: SourceID, _ db: Database) throws -> SourceRow {
        let statement = try db.cachedStatement(
            sql: "SELECT account, ledger_start, is_history_complete, forgotten_before FROM source WHERE id = ?")
        guard let row = try Row.fetchOne(statement, arguments: [id.row]) else {
            throw LedgerError.storage("source \(id.row) is not in this ledger")
        }
        let forgotten: Int64? = row[3]
        return SourceRow(
            id: id, account: AccountID(row: row[0]), ledgerStart: row.timestamp(1), isHistoryComplete: row[2],
            forgottenBefore: forgotten.map(Timestamp.init(milliseconds:)))
    }
}

/// An account's row in the ledger.
package struct AccountID: Sendable, Hashable {
    /// The row's number; stable for the life of the ledger.
    package let row: Int64
}

/// A source's row in the ledger.
package struct SourceID: Sendable, Hashable {
    /// The row's number; stable for the life of the ledger.
    package let row: Int64
}

/// An account as the ledger knows it.
package struct LedgerAccount: Sendable {
    /// Its row.
    package let id: AccountID
    /// Where its counters begin.
    package let ledgerStart: Timestamp
    /// Whether `ledgerStart` stays: since the first of its sources completed its history.
    package let isStartFixed: Bool
    /// The first day whose sums retention has kept; nil where it has deleted none.
    package let prunedBefore: UTCDay?
}

/// One upstream endpoint of an account as the ledger knows it.
package struct LedgerSource: Sendable {
    /// Its row.
    package let id: SourceID
    /// The account that it belongs to.
    package let account: AccountID
    /// The endpoint's name.
    package let name: String
    /// Where its counters begin: its account's start.
    package let ledgerStart: Timestamp
    /// Whether what it commits is served; before that it is staged.
    package let isHistoryComplete: Bool
    /// What `saveStatus` stored last, as JSON; nil if nothing was.
    package let status: String?
}
