import UsageModel

/// Where the config has an account's ledger begin.
enum LedgerStart: Sendable, Equatable {
    /// `ledger_start`: the beginning of a UTC day.
    case day(UTCDay)
    /// `history`: the UTC midnight this long before the account's first sync.
    case history(Duration)

    /// Whether it is given as a date, so that no clock has a part in it.
    var isGiven: Bool {
        if case .day = self { true } else { false }
    }

    /// The start, if the first sync were now.
    func proposed(now: Timestamp) -> Timestamp {
        switch self {
        case .day(let day): day.start
        case .history(let history): (now - history).day.start
        }
    }

    /// A start no further than this from the proposed one is kept: midnight may pass during a first sync.
    var tolerance: Duration { isGiven ? .zero : .days(1) }
}

extension LedgerStart: CustomStringConvertible {
    /// As the config has it: `ledger_start 2026-11-01`, `history 2592000 s`.
    var description: String {
        switch self {
        case .day(let day): "ledger_start \(day)"
        case .history(let history): "history \(history.wholeMilliseconds / 1000) s"
        }
    }
}
