import GRDB

/// The origin of a ledger's money: charged by providers, or by the demo's simulated ones. The two never share a file,
/// because accounts of the same name and provider would continue each other's counters.
package enum LedgerOrigin: Sendable {
    case billed
    case simulated

    /// Whether a damaged ledger may be replaced: that of a demo may hold money that was charged.
    var mayQuarantine: Bool { self == .billed }

    /// Checks the origin of a database; one without accounts and mark has both.
    ///
    /// - Throws: `LedgerError.otherOrigin`.
    func check(_ db: Database, path: String) throws {
        let isSimulated = try Self.isSimulated(db)
        guard isSimulated != (self == .simulated) else { return }
        let hasAccounts = try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM account)") ?? false
        if isSimulated || hasAccounts { throw LedgerError.otherOrigin(path: path, isSimulated: isSimulated) }
    }

    /// Marks a checked database of a demo.
    func mark(_ queue: DatabaseQueue) throws {
        guard self == .simulated else { return }
        try queue.write { db in
            try db.execute(
                sql: "INSERT OR IGNORE INTO setting (name, value) VALUES (?, 'true')",
                arguments: [LedgerSchema.simulatedSetting])
        }
    }

    /// Returns whether a database is that of a demo.
    static func isSimulated(_ db: Database) throws -> Bool {
        try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM setting WHERE name = ?)", arguments: [LedgerSchema.simulatedSetting])
            ?? false
    }
}
