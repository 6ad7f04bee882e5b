import GRDB
import UsageModel

extension UsageLedger {
    /// Adds the accounts of another ledger file, with their counters, days, slices and stored state.
    ///
    /// - Parameter file: a file of `LedgerCopy`, from `LedgerVerification.intact`.
    /// - Returns: the added accounts, and whether their hashed labels keep their values: hashes depend on a salt, which
    ///   only a ledger without accounts adopts.
    /// - Throws: `LedgerError.accountExists` or `.storage`; then nothing was changed.
    package func importAccounts(
        from file: LedgerVerification
    ) async throws -> (added: LedgerContents, keepsHashes: Bool) {
        let keepsHashes = try await writeOutsideTransaction { db in
            // SQLite attaches a database outside of transactions only.
            try db.execute(sql: "ATTACH DATABASE ? AS other", arguments: ["file:\(Self.escaped(file.path))?mode=ro"])
            defer { try? db.execute(sql: "DETACH DATABASE other") }
            var keepsHashes = false
            try db.inTransaction {
                keepsHashes = try Self.adopt(db)
                return .commit
            }
            return keepsHashes
        }
        return (file.contents, keepsHashes)
    }

    /// Copies all accounts of the attached database.
    private static func adopt(_ db: Database) throws -> Bool {
        let existing = try Row.fetchOne(
            db, sql: "SELECT name, provider FROM main.account INTERSECT SELECT name, provider FROM other.account")
        if let existing { throw LedgerError.accountExists(name: existing[0], provider: existing[1]) }
        let salts = try ["main", "other"].map { database in
            try String.fetchOne(
                db, sql: "SELECT value FROM \(database).setting WHERE name = ?", arguments: [LedgerSchema.saltSetting])
        }
        let isEmpty = try !(Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM main.account)") ?? true)
        if isEmpty, let salt = salts[1] {
            try db.execute(
                sql: "INSERT OR REPLACE INTO main.setting (name, value) VALUES (?, ?)",
                arguments: [LedgerSchema.saltSetting, salt])
        }
        // Row IDs of the file move past those of this ledger, so that references stay right.
        var offsets: [String: Int64] = [:]
        for table in LedgerSchema.accountTables where table.hasID {
            offsets[table.name] = try Int64.fetchOne(db, sql: "SELECT ifnull(max(id), 0) FROM main.\(table.name)") ?? 0
        }
        for account in try Int64.fetchAll(db, sql: "SELECT id FROM other.account") {
            let start = try String.fetchOne(
                db, sql: "SELECT value FROM other.setting WHERE name = ?",
                arguments: [LedgerSchema.startSetting(of: account)])
            guard let start, let offset = offsets["account"] else { continue }
            try db.execute(
                sql: "INSERT OR REPLACE INTO main.setting (name, value) VALUES (?, ?)",
                arguments: [LedgerSchema.startSetting(of: account + offset), start])
        }
        for table in LedgerSchema.accountTables {
            let columns = try db.columns(in: table.name).map(\.name)
            let values = columns.map { column in
                let target = column == "id" ? table.name : table.references[column]
                return target.flatMap { offsets[$0] }.map { "\(column) + \($0)" } ?? column
            }
            try db.execute(
                sql: """
                    INSERT INTO main.\(table.name) (\(columns.joined(separator: ", ")))
                    SELECT \(values.joined(separator: ", ")) FROM other.\(table.name)
                    """)
        }
        return isEmpty || salts[0] == salts[1]
    }

    /// Escapes the characters of a path that have a meaning in SQLite's URI file names.
    private static func escaped(_ path: String) -> String {
        path.replacing("%", with: "%25").replacing("?", with: "%3f").replacing("#", with: "%23")
    }
}
