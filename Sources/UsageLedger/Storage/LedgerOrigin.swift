import GRDB

/// The origin of a ledger's money: charged by providers, or by the demo's simulated ones. The two never share a file,
/// because accounts of the same name and provider would continue each other's counters.
package enum LedgerOrigin: Sendable {
    case billed
    case simulated

    /// Throws `LedgerError.otherOrigin` unless the database has this origin or no account, and marks an empty one.
    func claim(_ db: Database, path: String) throws {
        let isMarked = try Self.isSimulated(db)
        guard isMarked != (self == .simulated) else { return }
        let holdsAccounts = try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM account)") ?? false
        guard !holdsAccounts, !isMarked else { throw LedgerError.otherOrigin(path: path, isSimulated: isMarked) }
        try db.execute(
            sql: "INSERT INTO setting (name, value) VALUES (?, 'true')", arguments: [LedgerSchema.simulatedSetting])
    }

    /// Returns whether a database, main or attached, is that of a demo.
    static func isSimulated(_ db: Database, schema: String = "main") throws -> Bool {
        try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM \(schema).setting WHERE name = ?)",
            arguments: [LedgerSchema.simulatedSetting]) ?? false
    }
}
