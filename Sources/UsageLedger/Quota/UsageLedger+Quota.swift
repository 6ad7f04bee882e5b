import GRDB
import UsageModel

extension UsageLedger {
    /// Records a request of a source, durably, if its quota allows it. The request may be sent once this returns
    /// `granted`.
    ///
    /// A request dated after `now` was made before the clock was set back, or while it was ahead. It counts from when it
    /// was first found to be in the future; once the clock has passed its date, the date counts. It thus blocks for less than
    /// two spans, and never for less than one.
    ///
    /// - Throws: `LedgerError.storage`: the request must not be sent.
    package func spend(_ quota: Quota, of source: SourceID, now: Timestamp) async throws -> Quota.Decision {
        try await write { db in
            try db.cachedStatement(
                sql: """
                    UPDATE quota_request SET counts_from = :now
                    WHERE source = :source AND at > :now AND (counts_from IS NULL OR counts_from > :now)
                    """
            ).execute(arguments: ["now": now.milliseconds, "source": source.row])
            try db.cachedStatement(
                sql: "UPDATE quota_request SET counts_from = NULL WHERE source = :source AND at <= :now"
            ).execute(arguments: ["now": now.milliseconds, "source": source.row])
            let decision = quota.decision(book: try book(of: source, now: now, db), now: now)
            guard decision == .granted else { return decision }
            try db.cachedStatement(
                sql: """
                    DELETE FROM quota_request
                    WHERE source = :source AND iif(at > :now, counts_from, at) <= :expired
                    """
            ).execute(
                arguments: [
                    "source": source.row, "now": now.milliseconds, "expired": (now - quota.span).milliseconds,
                ])
            try db.cachedStatement(sql: "INSERT INTO quota_request (source, at) VALUES (?, ?)")
                .execute(arguments: [source.row, now.milliseconds])
            return .granted
        }
    }

    /// Returns the times of a source's recorded requests in ascending order, none of them after `now`.
    ///
    /// - Throws: `LedgerError.storage`.
    package func quotaBook(of source: SourceID, now: Timestamp) async throws -> [Timestamp] {
        try await read { try book(of: source, now: now, $0) }
    }
}

private func book(of source: SourceID, now: Timestamp, _ db: Database) throws -> [Timestamp] {
    let statement = try db.cachedStatement(
        sql: """
            SELECT min(:now, iif(at > :now, ifnull(counts_from, :now), at)) AS made
            FROM quota_request WHERE source = :source ORDER BY made
            """)
    return try Int64.fetchAll(statement, arguments: ["now": now.milliseconds, "source": source.row])
        .map(Timestamp.init(milliseconds:))
}
