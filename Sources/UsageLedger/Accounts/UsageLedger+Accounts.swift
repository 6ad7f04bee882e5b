import GRDB
import UsageModel

extension UsageLedger {
    /// The account's ledger: made now, or the one that it had. An account that is not registered keeps its ledger.
    ///
    /// The same name with another provider is another account: the two never share series.
    ///
    /// - Parameter proposedStart: where its counters shall begin; used the first time only.
    /// - Throws: `LedgerError.storage`.
    public func registerAccount(
        _ name: String, provider: String, proposedStart: Timestamp, now: Timestamp
    ) async throws -> LedgerAccount {
        try await write { db in
            try db.execute(
                sql: """
                    INSERT INTO account (name, provider, ledger_start, created_at) VALUES (?, ?, ?, ?)
                    ON CONFLICT DO NOTHING
                    """,
                arguments: [name, provider, proposedStart.milliseconds, now.milliseconds])
            let row = try Row.fetchOne(
                db, sql: "SELECT id, ledger_start, created_at FROM account WHERE name = ? AND provider = ?",
                arguments: [name, provider])
            guard let row else { throw LedgerError.storage("account \(name) could not be registered") }
            return LedgerAccount(
                id: AccountID(row: row[0]), ledgerStart: row.timestamp(1), createdAt: row.timestamp(2))
        }
    }

    /// The source's ledger: made now, or the one that it had.
    ///
    /// - Parameter proposedStart: where its counters shall begin; used the first time only, and never earlier than
    ///   the account's own start.
    /// - Throws: `LedgerError.storage`.
    public func registerSource(
        _ name: String, of account: AccountID, proposedStart: Timestamp, now: Timestamp
    ) async throws -> LedgerSource {
        try await write { db in
            try db.execute(
                sql: """
                    INSERT INTO source (account, name, ledger_start)
                    SELECT id, ?, max(ledger_start, ?) FROM account WHERE id = ?
                    ON CONFLICT DO NOTHING
                    """,
                arguments: [name, proposedStart.milliseconds, account.row])
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
    public func saveStatus(_ json: String, of source: SourceID) async throws {
        try await write { db in
            try db.cachedStatement(sql: "UPDATE source SET status = ? WHERE id = ?")
                .execute(arguments: [json, source.row])
        }
    }

    /// The counters of the exporter itself that were saved, by name.
    ///
    /// - Throws: `LedgerError.storage`.
    public func exporterCounters() async throws -> [String: Int64] {
        try await read { db in
            let rows = try Row.fetchAll(db, sql: "SELECT name, value FROM exporter_counter")
            return Dictionary(rows.map { ($0[0], $0[1]) }) { _, last in last }
        }
    }

    /// Saves counters of the exporter itself, each in place of its earlier value; others stay.
    ///
    /// - Throws: `LedgerError.storage`.
    public func saveExporterCounters(_ counters: [String: Int64]) async throws {
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
    public func setting(_ name: String, orElse make: @escaping @Sendable () -> String) async throws -> String {
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

/// What a commit needs to know of its source.
struct SourceRow {
    let id: SourceID
    let account: AccountID
    let ledgerStart: Timestamp
    let isHistoryComplete: Bool
    /// Slices that end up to here count as settled: retention forgot them.
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
