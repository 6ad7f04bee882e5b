/// What one step of a sync found; the ledger takes it in one transaction, or not at all.
package struct Reading: Sendable {
    /// Slices to replace.
    package var slices: [SliceReading] = []
    /// Gauges to replace: a family named here loses its earlier samples from this source.
    package var gauges: [GaugeFamily: [GaugeSample]] = [:]
    /// What the source wants to find again next time (a cursor, an endpoint that works), by name; nil forgets it.
    package var memory: [String: String?] = [:]
    /// Up to when usage is known and dated, by the label `key`: for sources without slicing, whose keys are read one by
    /// one. A key that is not named keeps what it had.
    package var coverage: [String: Coverage] = [:]
    /// Whether there is no more history to wait for: what is committed is served from now on, even if this sync fails
    /// in the end.
    package var completesHistory = false

    /// An empty reading.
    package init() {}
}

/// A gauge as a source measured it.
package struct GaugeSample: Sendable, Hashable, Codable {
    /// Label values in the order of the family's `labelNames`.
    package let labels: [String]
    /// The value in the family's unit.
    package let value: Double

    /// A gauge's sample.
    package init(_ labels: [String] = [], _ value: Double) {
        self.labels = labels
        self.value = value
    }
}

/// The unit that is read whole and replaced whole: a period of one source, in one scope.
package struct SliceID: Sendable, Hashable {
    /// What part of the source this is: empty, or a key or budget that the source reads apart.
    package let scope: String
    /// The span of usage that the slice holds.
    package let period: Period

    /// A slice.
    package init(scope: String = "", period: Period) {
        self.scope = scope
        self.period = period
    }
}

/// A slice as it was read: its cells replace whatever the ledger held for it.
package struct SliceReading: Sendable {
    /// To which day of the roll-ups a slice's growth belongs.
    package enum Attribution: Sendable {
        /// The day on which the slice's period starts: the provider says when the usage was.
        case periodStart
        /// The day on which it was read: the provider gives a running figure over a longer period.
        case reading
        /// A given day: a running figure that was read shortly after midnight belongs to the day before.
        case day(UTCDay)
    }

    /// Which slice.
    package let slice: SliceID
    /// Its quantities; cells of one series add up.
    package let cells: [Cell]
    /// When it was asked for: usage up to here is in it.
    package let readAt: Timestamp
    /// To which day its growth belongs.
    package let attribution: Attribution

    /// A slice as it was read.
    package init(_ slice: SliceID, cells: [Cell], readAt: Timestamp, attribution: Attribution = .periodStart) {
        self.slice = slice
        self.cells = cells
        self.readAt = readAt
        self.attribution = attribution
    }
}

extension SliceReading {
    /// The UTC day to which the slice's growth belongs.
    package var growthDay: UTCDay {
        switch attribution {
        case .periodStart: slice.period.start.day
        case .reading: readAt.day
        case .day(let day): day
        }
    }
}

/// What the ledger knows of a slice apart from its cells.
package struct SliceState: Sendable, Hashable {
    /// Which slice.
    package let slice: SliceID
    /// When it was last read.
    package let lastRead: Timestamp
    /// Whether its cells are folded into the sums: a further reading of it is ignored.
    package let isFolded: Bool

    /// What is known of a slice.
    package init(slice: SliceID, lastRead: Timestamp, isFolded: Bool) {
        self.slice = slice
        self.lastRead = lastRead
        self.isFolded = isFolded
    }
}

/// One quantity inside a slice: what a series gained in the slice's period.
package struct Cell: Sendable, Hashable {
    /// The family that the quantity belongs to.
    package let family: LedgerFamily
    /// Label values in the order of `family.labelNames`.
    package let labels: [String]
    /// USD, requests, tokens, seconds: the family's unit.
    package let value: ExactDecimal

    /// A quantity. `labels` follows `family.labelNames`: missing ones are empty, further ones are dropped.
    package init(_ family: LedgerFamily, _ labels: [String], _ value: ExactDecimal) {
        self.family = family
        let width = family.labelNames.count
        self.labels =
            labels.count == width
            ? labels : Array((labels + Array(repeating: "", count: max(0, width - labels.count))).prefix(width))
        self.value = value
    }
}
