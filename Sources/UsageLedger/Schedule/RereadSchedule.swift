import UsageModel

/// When a slice is read again: providers post usage late, so a closed slice is read a few times more.
///
/// | slice | read |
/// |---|---|
/// | open | at every sync |
/// | closed | at the first sync after its end, so that its last minutes are not missing until the next offset |
/// | closed | once after each further offset: +20 min, +1 h, +6 h, +24 h, +72 h after its end |
/// | read after the last offset | not on schedule; again where a totals query shows a change, or on request |
///
/// Nothing is stored of the schedule: it follows from when a slice was last read, so a reading that was dated by a wrong
/// clock is repeated once the clock is right.
package struct RereadSchedule: Sendable {
    /// Times after a slice's end, ascending.
    private let offsets: [Duration]

    /// The schedule of all ledger sources.
    package static let standard = RereadSchedule(
        offsets: [.zero, .minutes(20), .hours(1), .hours(6), .hours(24), .hours(72)])

    /// The shortest time for which a slice's cells must be kept after its end: all scheduled readings and a day more.
    package static let shortestKept = Duration.hours(96)

    /// Whether a slice should be read now.
    ///
    /// Always while it is open or if it was never read; else if an offset has passed since it was read. A reading that
    /// lies in the future was dated by a clock that has been set back since: the slice is read again.
    package func isDue(slice: SliceID, lastRead: Timestamp?, now: Timestamp) -> Bool {
        guard slice.period.start <= now else { return false }
        guard let lastRead, lastRead <= now, slice.period.end <= now else { return true }
        return offsets.contains { offset in
            let time = slice.period.end + offset
            return lastRead < time && time <= now
        }
    }

    /// Whether a reading is the slice's last on schedule: the final offset had passed.
    package func settles(slice: SliceID, readAt: Timestamp) -> Bool {
        guard let last = offsets.last else { return slice.period.end <= readAt }
        return slice.period.end + last <= readAt
    }
}

/// Which slices of one source to read at one time, and up to when its usage is known: a pure view of what the ledger
/// knows of the source's slices. Only scope "" is looked at.
package struct SlicePlan: Sendable {
    private let known: KnownSlices
    private let slicing: Slicing
    private let ledgerStart: Timestamp
    private let now: Timestamp
    private let schedule: RereadSchedule

    /// A plan.
    ///
    /// - Parameter states: what the ledger knows of the source's slices, in any order.
    package init(
        states: [SliceState], slicing: Slicing, ledgerStart: Timestamp, now: Timestamp,
        schedule: RereadSchedule = .standard
    ) {
        known = KnownSlices(states, slicing: slicing)
        self.slicing = slicing
        self.ledgerStart = ledgerStart
        self.now = now
        self.schedule = schedule
    }

    /// The slices to read now: the open one, then the others, newest first.
    ///
    /// Those are the slices that the schedule asks for, those never read, and those of `requested` days, back to the one
    /// that holds `ledgerStart`, without any that begins before what the provider still keeps: read in part, it would lose
    /// usage.
    package func due(requested: ClosedRange<UTCDay>? = nil) -> [DueSlice] {
        slices { slice, lastRead in
            schedule.isDue(slice: slice, lastRead: lastRead, now: now)
                || requested?.contains(slice.period.start.day) == true
        }
    }

    /// The slices of some days that can be read, due or not.
    package func due(only days: ClosedRange<UTCDay>) -> [DueSlice] {
        slices { slice, _ in days.contains(slice.period.start.day) }
    }

    /// The slices that the schedule no longer asks for and whose cells are kept, newest first.
    package var reopenable: [DueSlice] {
        slices { slice, lastRead in
            lastRead != nil && !schedule.isDue(slice: slice, lastRead: lastRead, now: now)
        }
    }

    private func slices(where isWanted: (SliceID, Timestamp?) -> Bool) -> [DueSlice] {
        var found: [DueSlice] = []
        for index in stride(from: slicing.unit.index(of: now), through: firstReadable, by: -1) {
            let slice = SliceID(period: slicing.unit.period(index))
            let knowledge = known[slice.period]
            guard knowledge != .folded, isWanted(slice, knowledge.lastRead) else { continue }
            found.append(
                DueSlice(
                    slice: slice, lastRead: knowledge.lastRead,
                    settles: schedule.settles(slice: slice, readAt: now)))
        }
        return found
    }

    /// The first slice that can be read whole.
    private var firstReadable: Int64 {
        let first = slicing.unit.index(of: ledgerStart)
        guard let oldest = slicing.oldestKept(now: now) else { return first }
        let index = slicing.unit.index(of: oldest)
        return max(first, slicing.unit.period(index).start < oldest ? index + 1 : index)
    }

    /// Up to when the source's usage is complete in the ledger.
    ///
    /// The start of the first slice that was never read, or the last reading of the first that was read only before
    /// it ended; `now` if there is neither. A slice that the provider no longer keeps is passed over: it will never
    /// be more complete.
    package var dataThrough: Timestamp {
        let oldest = slicing.oldestKept(now: now)
        for index in indices {
            let period = slicing.unit.period(index)
            let isLost = oldest.map { period.start < $0 } ?? false
            let through = completeThrough(period)
            if through < period.end, !isLost { return min(max(through, ledgerStart), max(now, ledgerStart)) }
        }
        return max(now, ledgerStart)
    }

    /// The spans of time whose usage is in the ledger whole.
    package var coverage: Coverage {
        var coverage = Coverage()
        for index in indices {
            let period = slicing.unit.period(index)
            coverage.append(Period(start: max(period.start, ledgerStart), end: min(completeThrough(period), now)))
        }
        return coverage
    }

    private var indices: ClosedRange<Int64> {
        let first = slicing.unit.index(of: ledgerStart)
        return first...max(first, slicing.unit.index(of: now))
    }

    /// Up to when a slice's usage is known: its end where it was read after it, its start where it was not read.
    private func completeThrough(_ period: Period) -> Timestamp {
        switch known[period] {
        case .folded: period.end
        case .missing: period.start
        // Dated by a clock that has been set back since: when it was read is not known.
        case .read(let lastRead): lastRead > now ? period.start : min(max(lastRead, period.start), period.end)
        }
    }
}

/// What is known of the slices of scope "", by their start.
private struct KnownSlices {
    enum Knowledge: Equatable {
        case missing
        case read(Timestamp)
        case folded

        var lastRead: Timestamp? {
            if case .read(let time) = self { time } else { nil }
        }
    }

    private var byStart: [Timestamp: Knowledge] = [:]
    /// Longer folded spans, each in place of all slices inside it.
    private var foldedSpans: [Period] = []

    init(_ states: [SliceState], slicing: Slicing) {
        byStart.reserveCapacity(states.count)
        for state in states where state.slice.scope.isEmpty {
            let period = state.slice.period
            if period == slicing.unit.period(slicing.unit.index(of: period.start)) {
                byStart[period.start] = state.isFolded ? .folded : .read(state.lastRead)
            } else if state.isFolded {
                foldedSpans.append(period)
            }
        }
    }

    subscript(period: Period) -> Knowledge {
        if let knowledge = byStart[period.start] { return knowledge }
        // The first slice may begin before the span does, where the ledger starts inside it.
        let isCovered = foldedSpans.contains { $0.end >= period.end && $0.start < period.end }
        return isCovered ? .folded : .missing
    }
}

extension Slicing {
    /// The earliest time of which the provider still has everything; nil where it says nothing.
    fileprivate func oldestKept(now: Timestamp) -> Timestamp? { kept.map { now - $0 } }
}

extension Slicing.Unit {
    private var milliseconds: Int64 {
        switch self {
        case .hour: 3_600_000
        case .day: 86_400_000
        }
    }

    /// The number of the slice that holds a time, counted from 1970-01-01.
    fileprivate func index(of time: Timestamp) -> Int64 {
        let (quotient, remainder) = time.milliseconds.quotientAndRemainder(dividingBy: milliseconds)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// The slice of a number.
    fileprivate func period(_ index: Int64) -> Period {
        Period(
            start: Timestamp(milliseconds: index * milliseconds),
            end: Timestamp(milliseconds: (index + 1) * milliseconds))
    }
}
