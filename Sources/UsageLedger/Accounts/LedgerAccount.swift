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
    /// Where its counters begin.
    public let ledgerStart: Timestamp
    /// Whether `ledgerStart` stays: since the first of its sources completed its history.
    public let isStartFixed: Bool
    /// The first day whose sums retention has kept; nil where it has deleted none.
    public let prunedBefore: UTCDay?
}

/// One upstream endpoint of an account as the ledger knows it.
public struct LedgerSource: Sendable {
    /// Its row.
    public let id: SourceID
    /// The account that it belongs to.
    public let account: AccountID
    /// The endpoint's name.
    public let name: String
    /// Where its counters begin: its account's start.
    public let ledgerStart: Timestamp
    /// Whether what it commits is served; before that it is staged.
    public let isHistoryComplete: Bool
    /// What `saveStatus` stored last, as JSON; nil if nothing was.
    public let status: String?
}
