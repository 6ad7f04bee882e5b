import UsageModel

/// The configured start of an account's ledger.
enum LedgerStart: Sendable, Equatable {
    /// `ledger_start`: the beginning of a UTC day.
    case day(UTCDay)
    /// `history`: the UTC midnight of the day that lies this long before the account's first sync.
    case history(Duration)

    /// Whether the start is a date, which does not depend on a clock.
    var isGiven: Bool {
        if case .day = self { true } else { false }
    }

    /// The start for a first sync at a given time.
    func proposed(now: Timestamp) -> Timestamp {
        switch self {
        case .day(let day): day.start
        case .history(let history): (now - history).day.start
        }
    }

    /// Maximum difference at which a stored start is kept, because midnight may pass during a first sync.
    var tolerance: Duration { isGiven ? .zero : .days(1) }
}

extension LedgerStart: CustomStringConvertible {
    /// The setting: `ledger_start 2026-11-01`, `history 2592000 s`.
    var description: String {
        switch self {
        case .day(let day): "ledger_start \(day)"
        case .history(let history): "history \(history.wholeMilliseconds / 1000) s"
        }
    }
}
