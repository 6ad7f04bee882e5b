import UsageModel

/// One way through the pages of transactions, from the newest back: a pure value that is shown each page.
///
/// With a cursor, transactions that arrive meanwhile shift nothing; what two pages repeat is dropped by its id. A walk
/// that gets nowhere (a cursor that repeats, a page without anything new) is broken rather than endless, and so is one
/// that goes on past all that an account can have.
struct FairStackPageWalk {
    /// What comes after a page.
    enum Step: Equatable {
        /// The page at this cursor.
        case page(cursor: String)
        /// Nothing: this was the last one.
        case end
        /// Nothing that could be relied upon.
        case broken
    }

    /// The most transactions that one walk remembers: some 20,000 a day of a month's history.
    static let longest = 600_000

    private var ids: Set<String> = []
    private var cursors: Set<String> = []
    /// The rows at the end of a page that say how far the walk has come: a single old row among newer ones, such as a job
    /// that failed late and is listed by the time of its change, must not end the walk.
    static let tail = 10

    /// Every transaction later than this was seen; nil before the first page and where a page was empty.
    private(set) var passed: Timestamp?

    /// Takes a page: the transactions that are new, and what comes next.
    mutating func take(_ page: FairStackPage) -> (new: [FairStackTransaction], step: Step) {
        let new = page.transactions.values.filter { ids.insert($0.id.value).inserted }.map(FairStackTransaction.init)
        // The newest of the last rows by position: "most recent first" need not hold to the row.
        passed = page.transactions.values.suffix(Self.tail).map(\.created_at.value).max() ?? passed
        guard let cursor = page.nextCursor else { return (new, .end) }
        guard !new.isEmpty, ids.count <= Self.longest, cursors.insert(cursor).inserted else { return (new, .broken) }
        return (new, .page(cursor: cursor))
    }
}
