/// The unit that is read whole and replaced whole: a period of one source, in one scope.
public struct SliceID: Sendable, Hashable {
    /// What part of the source this is: empty, or a key or budget that the source reads apart.
    public let scope: String
    /// The span of usage that the slice holds.
    public let period: Period

    /// A slice.
    public init(scope: String = "", period: Period) {
        self.scope = scope
        self.period = period
    }
}

/// A slice as it was read: its cells replace whatever the ledger held for it.
public struct SliceReading: Sendable {
    /// To which day of the roll-ups a slice's growth belongs.
    public enum Attribution: Sendable {
        /// The day on which the slice's period starts: the provider says when the usage was.
        case periodStart
        /// The day on which it was read: the provider gives a running figure over a longer period.
        case reading
        /// A given day: a running figure that was read shortly after midnight belongs to the day before.
        case day(UTCDay)
    }

    /// Which slice.
    public let slice: SliceID
    /// Its quantities; cells of one series add up.
    public let cells: [Cell]
    /// When it was asked for: usage up to here is in it.
    public let readAt: Timestamp
    /// To which day its growth belongs.
    public let attribution: Attribution

    /// A slice as it was read.
    public init(_ slice: SliceID, cells: [Cell], readAt: Timestamp, attribution: Attribution = .periodStart) {
        self.slice = slice
        self.cells = cells
        self.readAt = readAt
        self.attribution = attribution
    }
}

extension SliceReading {
    /// The UTC day to which the slice's growth belongs.
    public var growthDay: UTCDay {
        switch attribution {
        case .periodStart: slice.period.start.day
        case .reading: readAt.day
        case .day(let day): day
        }
    }
}

/// What the ledger knows of a slice apart from its cells.
public struct SliceState: Sendable, Hashable {
    /// Which slice.
    public let slice: SliceID
    /// When it was last read.
    public let lastRead: Timestamp
    /// Whether its cells are folded into the sums: a further reading of it is ignored.
    public let isFolded: Bool

    /// What is known of a slice.
    public init(slice: SliceID, lastRead: Timestamp, isFolded: Bool) {
        self.slice = slice
        self.lastRead = lastRead
        self.isFolded = isFolded
    }
}
