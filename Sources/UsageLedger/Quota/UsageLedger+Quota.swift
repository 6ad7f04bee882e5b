import GRDB
import UsageModel

extension UsageLedger {
    /// Writes a request of a source into the book, durably, if its allowance has a place for it; the request may leave
    /// once this returns `granted`.
    ///
    /// - Throws: `LedgerError.storage`; the request must then not leave.
    public func spend(_ quota: Quota, of source: SourceID, now: Timestamp) async throws -> Quota.Decision {
        try await write { db in
            // Requests dated by a clock that has been set back since: when they were made is not known, so they count
            // as made now, and are no longer in the way a span from now.
            try db.cachedStatement(sql: "UPDATE quota_request SET at = :now WHERE source = :source AND at > :now")
                .execute(arguments: ["now": now.milliseconds, "source": source.row])
            let decision = quota.decision(book: try book(of: source, db), now: now)
            guard decision == .granted else { return decision }
            try db.cachedStatement(sql: "DELETE FROM quota_request WHERE source = ? AND at <= ?")
                .execute(arguments: [source.row, (now - quota.span).milliseconds])
            try db.cachedStatement(sql: "INSERT INTO quota_request (source, at) VALUES (?, ?)")
                .execute(arguments: [source.row, now.milliseconds])
            return .granted
        }
    }

    /// When a source made the requests that its book holds.
    ///
    /// - Throws: `LedgerError.storage`.
    public func quotaBook(of source: SourceID) async throws -> [Timestamp] {
        try await read { try book(of: source, $0) }
    }
}

private func book(of source: SourceID, _ db: Database) throws -> [Timestamp] {
    let statement = try db.cachedStatement(sql: "SELECT at FROM quota_request WHERE source = ? ORDER BY at")
    return try Int64.fetchAll(statement, arguments: [source.row]).map(Timestamp.init(milliseconds:))
}
