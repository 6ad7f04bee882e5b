import UsageModel

/// An account's row in the ledger.
public struct AccountID: Sendable, Hashable {
    /// The row's number; stable for the life of the ledger.
    public let row: Int64
}

/// A source's row in the ledger.
public struct SourceID: Sendable, Hashable {
    /// The row's number; stable for the life of the ledger.
    public let row: Int64
}

/// An account as the ledger knows it.
public struct LedgerAccount: Sendable {
    /// Its row.
    public let id: AccountID
    /// Where its counters begin: fixed when it was first registered.
    public let ledgerStart: Timestamp
    /// When it was first registered.
    public let createdAt: Timestamp
}

/// One upstream endpoint of an account as the ledger knows it.
public struct LedgerSource: Sendable {
    /// Its row.
    public let id: SourceID
    /// The account that it belongs to.
    public let account: AccountID
    /// The endpoint's name.
    public let name: String
    /// Where its counters begin: fixed when it was first registered, never before its account's.
    public let ledgerStart: Timestamp
    /// Whether what it commits is served; before that it is staged.
    public let isHistoryComplete: Bool
    /// What `saveStatus` stored last, as JSON; nil if nothing was.
    public let status: String?
}
