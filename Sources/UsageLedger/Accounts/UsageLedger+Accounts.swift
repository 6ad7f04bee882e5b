import GRDB
import UsageModel

extension UsageLedger {
    /// Creates or loads an account. Accounts that are not registered stay in the ledger.
    ///
    /// The same name with another provider is another account: the two never share series.
    ///
    /// - Parameters:
    ///   - proposedStart: the start of its counters; applied until one of its sources has completed its history.
    ///   - tolerance: a stored start that differs by at most this is kept.
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

    /// Moves the start of an account's counters, unless a source has completed its history.
    ///
    /// Staged slices before the new start are deleted.
    ///
    /// - Parameter tolerance: a stored start that differs by at most this is kept.
    /// - Returns: the resulting account.
    /// - Throws: `LedgerError.storage`.
    package func moveStart(
        of account: AccountID, to start: Timestamp, tolerance: Duration
    ) async throws -> LedgerAccount {
        try await write { try accountWithStart(account, start, tolerance, $0) }
    }

    /// Returns the first day whose sums retention has kept; nil if it has deleted none.
    ///
    /// - Throws: `LedgerError.storage`.
    package func prunedBefore(_ account: AccountID) async throws -> UTCDay? {
        try await read { try LedgerAccount.fetch(account, $0).prunedBefore }
    }

    /// Creates or loads a source. Its counters begin at its account's start.
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

    /// Replaces the stored sync status of a source, JSON in the caller's format.
    ///
    /// - Throws: `LedgerError.storage`.
    package func saveStatus(_ json: String, of source: SourceID) async throws {
        try await write { db in
            try db.cachedStatement(sql: "UPDATE source SET status = ? WHERE id = ?")
                .execute(arguments: [json, source.row])
        }
    }

    /// Returns the saved counters of the exporter itself, by name.
    ///
    /// - Throws: `LedgerError.storage`.
    package func exporterCounters() async throws -> [String: Int64] {
        try await read { db in
            let rows = try Row.fetchAll(db, sql: "SELECT name, value FROM exporter_counter")
            return Dictionary(rows.map { ($0[0], $0[1]) }) { _, last in last }
        }
    }

    /// Saves counters of the exporter itself; others stay unchanged.
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
    /// Returns the salt of hashed labels, created on first use.
    ///
    /// - Throws: `LedgerError.storage`.
    package func labelSalt(orElse make: @escaping @Sendable () -> String) async throws -> String {
        let name = LedgerSchema.saltSetting
        return try await write { db in
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
    /// Stores the configured start of an account's ledger and returns the previous one; nil if there was none.
    ///
    /// - Throws: `LedgerError.storage`.
    package func exchangeStart(of account: AccountID, with value: String) async throws -> String? {
        let name = LedgerSchema.startSetting(of: account.row)
        return try await write { db in
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

/// The row of a source, as needed by commits.
struct SourceRow {
    let id: SourceID
    let account: AccountID
    let ledgerStart: Timestamp
    let isHistoryComplete: Bool
    /// Slices that end at or before this time are folded: their cells and states were deleted.
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
    /// The row's ID; stable for the life of the ledger.
    package let row: Int64
}

/// A source's row in the ledger.
package struct SourceID: Sendable, Hashable {
    /// The row's ID; stable for the life of the ledger.
    package let row: Int64
}

/// An account in the ledger.
package struct LedgerAccount: Sendable {
    package let id: AccountID
    /// The start of its counters.
    package let ledgerStart: Timestamp
    /// Whether `ledgerStart` is fixed, because one of its sources has completed its history.
    package let isStartFixed: Bool
    /// The first day whose sums retention has kept; nil if it has deleted none.
    package let prunedBefore: UTCDay?
}

/// A source of an account in the ledger.
package struct LedgerSource: Sendable {
    package let id: SourceID
    package let account: AccountID
    package let name: String
    /// The start of its counters, which is its account's.
    package let ledgerStart: Timestamp
    /// Whether its commits are served; until then they are staged.
    package let isHistoryComplete: Bool
    /// The last status of `saveStatus`, as JSON; nil if there is none.
    package let status: String?
}
