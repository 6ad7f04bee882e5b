/// The result of one step of a sync. The ledger commits it in one transaction, or not at all.
package struct Reading: Sendable {
    /// Slices to replace.
    package var slices: [SliceReading] = []
    /// Gauges to replace: a listed family loses its earlier samples from this source.
    package var gauges: [GaugeFamily: [GaugeSample]] = [:]
    /// Values that the source stores for its next sync (a cursor, a working endpoint), by name; nil deletes one.
    package var memory: [String: String?] = [:]
    /// The periods with complete, dated usage, by the label `key`: for sources without slicing, whose keys are read one by
    /// one. A missing key keeps its coverage.
    package var coverage: [String: Coverage] = [:]
    /// Whether the history is complete: commits are served from now on, even if this sync fails later.
    package var completesHistory = false

    package init() {}
}

/// A sample of a gauge, measured by a source.
package struct GaugeSample: Sendable, Hashable, Codable {
    /// Label values in the order of the family's `labelNames`.
    package let labels: [String]
    /// The value in the family's unit.
    package let value: Double

    package init(_ labels: [String] = [], _ value: Double) {
        self.labels = labels
        self.value = value
    }
}

/// Identifies a slice, the unit that is read and replaced as a whole: a period of one source, in one scope.
package struct SliceID: Sendable, Hashable {
    /// The part of the source: empty, or a key or budget that the source reads separately.
    package let scope: String
    package let period: Period

    package init(scope: String = "", period: Period) {
        self.scope = scope
        self.period = period
    }
}

/// A slice as read: its cells replace those in the ledger.
package struct SliceReading: Sendable {
    /// The day to which a slice's increase is added in the daily totals.
    package enum Attribution: Sendable {
        /// The day on which the slice's period starts: the provider dates usage.
        case periodStart
        /// The day of the reading: the provider returns a running total of a longer period.
        case reading
        /// A given day: a running total that was read shortly after midnight belongs to the day before.
        case day(UTCDay)
    }

    package let slice: SliceID
    /// Its quantities. Several cells of one series are summed.
    package let cells: [Cell]
    /// When it was requested: it includes usage up to this time.
    package let readAt: Timestamp
    package let attribution: Attribution

    package init(_ slice: SliceID, cells: [Cell], readAt: Timestamp, attribution: Attribution = .periodStart) {
        self.slice = slice
        self.cells = cells
        self.readAt = readAt
        self.attribution = attribution
    }
}

extension SliceReading {
    /// The UTC day to which the slice's increase is added.
    package var growthDay: UTCDay {
        switch attribution {
        case .periodStart: slice.period.start.day
        case .reading: readAt.day
        case .day(let day): day
        }
    }
}

/// The ledger's metadata of a slice.
package struct SliceState: Sendable, Hashable {
    package let slice: SliceID
    package let lastRead: Timestamp
    /// Whether its cells were folded into the sums: further readings are ignored.
    package let isFolded: Bool

    package init(slice: SliceID, lastRead: Timestamp, isFolded: Bool) {
        self.slice = slice
        self.lastRead = lastRead
        self.isFolded = isFolded
    }
}

/// One quantity in a slice: the increase of a series in the slice's period.
package struct Cell: Sendable, Hashable {
    package let family: LedgerFamily
    /// Label values in the order of `family.labelNames`.
    package let labels: [String]
    /// The value in the family's unit: USD, requests, tokens, seconds.
    package let value: ExactDecimal

    /// Creates a cell. Missing label values become empty, surplus ones are dropped.
    package init(_ family: LedgerFamily, _ labels: [String], _ value: ExactDecimal) {
        self.family = family
        let width = family.labelNames.count
        self.labels =
            labels.count == width
            ? labels : Array((labels + Array(repeating: "", count: max(0, width - labels.count))).prefix(width))
        self.value = value
    }
}
