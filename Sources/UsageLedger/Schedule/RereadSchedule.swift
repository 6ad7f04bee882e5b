import UsageModel

/// The schedule by which closed slices are read again, because providers report usage late.
///
/// | slice | read |
/// |---|---|
/// | open | at every sync |
/// | closed | at the first sync after its end, so that its last minutes are not missing until the next offset |
/// | closed | once after each further offset: +20 min, +1 h, +6 h, +24 h, +72 h after its end |
/// | closed, of a provider that revises a month after its end | then once a day, and once when the revisions end |
/// | read after the last of these | not on schedule; only if a totals query shows a change, or on request |
///
/// The schedule has no stored state: it depends only on when a slice was last read, so that a reading dated by a wrong
/// clock is repeated once the clock is correct.
package struct RereadSchedule: Sendable {
    /// Times after a slice's end, ascending.
    private static let offsets: [Duration] = [.zero, .minutes(20), .hours(1), .hours(6), .hours(24), .hours(72)]

    private let revisedAfterMonth: Duration?

    /// Creates the schedule of a source's slices.
    package init(_ slicing: Slicing) {
        revisedAfterMonth = slicing.revisedAfterMonth
    }

    /// The minimum retention of a slice's cells after its end: all scheduled readings and one day.
    package var shortestKept: Duration {
        // The first slice of the longest month waits for its end.
        max(.hours(72), revisedAfterMonth.map { .days(31) + $0 } ?? .zero) + .days(1)
    }

    /// Whether a slice should be read now.
    ///
    /// An open or unread slice is always due, others if an offset has passed since they were read. A reading in the future
    /// was dated by a clock that has been set back since: the slice is read again.
    package func isDue(slice: SliceID, lastRead: Timestamp?, now: Timestamp) -> Bool {
        guard slice.period.start <= now else { return false }
        guard let lastRead, lastRead <= now, slice.period.end <= now else { return true }
        return Self.offsets.contains { isDue(at: slice.period.end + $0, lastRead, now) }
            || isDueForRevision(slice, lastRead, now)
    }

    private func isDueForRevision(_ slice: SliceID, _ lastRead: Timestamp, _ now: Timestamp) -> Bool {
        guard let revisionsEnd = revisionsEnd(of: slice), revisionsEnd > slice.period.end else { return false }
        let days = Int((min(now, revisionsEnd) - slice.period.end).wholeMilliseconds / 86_400_000)
        return isDue(at: slice.period.end + .days(days), lastRead, now) || isDue(at: revisionsEnd, lastRead, now)
    }

    private func isDue(at time: Timestamp, _ lastRead: Timestamp, _ now: Timestamp) -> Bool {
        lastRead < time && time <= now
    }

    /// When the provider's revisions of a slice's month end; nil if it has none.
    private func revisionsEnd(of slice: SliceID) -> Timestamp? {
        revisedAfterMonth.map { slice.period.start.day.startOfNextMonth.start + $0 }
    }

    /// Whether a reading is the slice's last on schedule, because its final time has passed.
    package func settles(slice: SliceID, readAt: Timestamp) -> Bool {
        let last = slice.period.end + (Self.offsets.last ?? .zero)
        return max(last, revisionsEnd(of: slice) ?? last) <= readAt
    }
}

/// Computes the slices of one source that are due, and up to when its usage is known, from the ledger's slice states. A
/// pure value. Considers only scope "".
package struct SlicePlan: Sendable {
    private let known: KnownSlices
    private let slicing: Slicing
    private let ledgerStart: Timestamp
    private let now: Timestamp
    private let schedule: RereadSchedule

    /// Creates a plan.
    ///
    /// - Parameter states: the ledger's states of the source's slices, in any order.
    package init(
        states: [SliceState], slicing: Slicing, ledgerStart: Timestamp, now: Timestamp
    ) {
        known = KnownSlices(states, slicing: slicing)
        self.slicing = slicing
        self.ledgerStart = ledgerStart
        self.now = now
        schedule = RereadSchedule(slicing)
    }

    /// Returns the slices to read now: the open one, then the others, newest first.
    ///
    /// These are slices that are due by the schedule, unread slices and those of `requested` days, back to the one that
    /// contains `ledgerStart`. Slices that begin before the provider's retention are excluded, because a partial reading
    /// would lose usage.
    package func due(requested: ClosedRange<UTCDay>? = nil) -> [DueSlice] {
        slices { slice, lastRead in
            schedule.isDue(slice: slice, lastRead: lastRead, now: now)
                || requested?.contains(slice.period.start.day) == true
        }
    }

    /// Returns the readable slices of the given days, due or not.
    package func due(only days: ClosedRange<UTCDay>) -> [DueSlice] {
        slices { slice, _ in days.contains(slice.period.start.day) }
    }

    /// The slices that are not due by the schedule and whose cells are kept, newest first.
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

    /// The first slice that can be read completely.
    private var firstReadable: Int64 {
        let first = slicing.unit.index(of: ledgerStart)
        guard let oldest = slicing.oldestKept(now: now) else { return first }
        let index = slicing.unit.index(of: oldest)
        return max(first, slicing.unit.period(index).start < oldest ? index + 1 : index)
    }

    /// Up to when the source's usage is complete in the ledger.
    ///
    /// This is the start of the first unread slice, or the last reading of the first slice that was read only before its
    /// end; `now` if there is neither. Slices that the provider no longer keeps are skipped, because they will never be
    /// more complete.
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

    /// The periods whose usage is completely in the ledger.
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

    /// Returns up to when a slice's usage is known: its end if it was read after it, its start if it was not read.
    private func completeThrough(_ period: Period) -> Timestamp {
        switch known[period] {
        case .folded: period.end
        case .missing: period.start
        // Dated by a clock that has been set back since: the time of the reading is unknown.
        case .read(let lastRead): lastRead > now ? period.start : min(max(lastRead, period.start), period.end)
        }
    }
}

/// The states of the slices of scope "", by their start.
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
    /// Longer folded spans, each of which represents all slices within it.
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
        // The first slice may begin before the span if the ledger starts within it.
        let isCovered = foldedSpans.contains { $0.end >= period.end && $0.start < period.end }
        return isCovered ? .folded : .missing
    }
}

extension Slicing {
    /// Returns the earliest time for which the provider still has all data; nil if its retention is unknown.
    fileprivate func oldestKept(now: Timestamp) -> Timestamp? { kept.map { now - $0 } }
}

extension Slicing.Unit {
    private var milliseconds: Int64 {
        switch self {
        case .hour: 3_600_000
        case .day: 86_400_000
        }
    }

    /// Returns the index of the slice that contains a time, counted from 1970-01-01.
    fileprivate func index(of time: Timestamp) -> Int64 {
        let (quotient, remainder) = time.milliseconds.quotientAndRemainder(dividingBy: milliseconds)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// Returns the period of a slice index.
    fileprivate func period(_ index: Int64) -> Period {
        Period(
            start: Timestamp(milliseconds: index * milliseconds),
            end: Timestamp(milliseconds: (index + 1) * milliseconds))
    }
}
