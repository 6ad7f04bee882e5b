import GRDB
import UsageModel

/// Finds an account's series by their labels, and enters those that are new.
struct SeriesRegister {
    private let account: AccountID
    private let source: SourceID
    private let startedAt: Timestamp
    private let db: Database
    private let find: Statement
    private let enter: Statement
    private var known: [SeriesKey: Int64] = [:]

    /// The register of the account that a source belongs to.
    init(of source: SourceRow, _ db: Database) throws {
        account = source.account
        self.source = source.id
        startedAt = source.ledgerStart
        self.db = db
        find = try db.cachedStatement(sql: "SELECT id FROM series WHERE account = ? AND family = ? AND labels = ?")
        enter = try db.cachedStatement(
            sql: """
                INSERT INTO series (account, family, labels, source, total, peak, started_at, is_served)
                VALUES (?, ?, ?, ?, 0, 0, ?, 0)
                """)
    }

    /// The series' row. A new one stands at zero and is not served before something is posted to it.
    mutating func row(of key: SeriesKey) throws -> Int64 {
        if let row = known[key] { return row }
        let row: Int64
        if let found = try Int64.fetchOne(find, arguments: [account.row, key.family.rawValue, key.labels]) {
            row = found
        } else {
            try enter.execute(
                arguments: [account.row, key.family.rawValue, key.labels, source.row, startedAt.milliseconds])
            row = db.lastInsertedRowID
        }
        known[key] = row
        return row
    }
}
